"""FTP and FTPS, without libcurl: why, is told in the book's chapter *FTP or bust*."""
