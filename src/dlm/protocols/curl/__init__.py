"""HTTP and HTTPS through libcurl."""
