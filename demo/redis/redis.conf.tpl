bind 127.0.0.1
port {port}
dir "{dataDir}"
# An empty password is none.
requirepass "{password}"
daemonize no
# Its log is its output, which the store keeps.
logfile ""
# Saved when it is stopped, too.
save 60 1
