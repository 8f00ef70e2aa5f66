"""`dlm top`: the downloads on the whole screen.

What decides (which rows there are, how a row is written, what a key does) is pure and knows no Textual; `feed` asks the
facade; the widgets draw lines that others have written.
"""
