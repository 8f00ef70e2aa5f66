"""SFTP and SCP, through asyncssh."""
