[client]
host = 127.0.0.1
port = {port}
default-character-set = utf8mb4

[mysqld]
# Counts only where the server is started by root, which it refuses otherwise.
user = root
basedir = "{exePath}"
datadir = "{dataDir}"
# A server that starts clears this folder: in a shared one it would clear other servers' files.
tmpdir = "{exePath}/tmp"
bind-address = 127.0.0.1
port = {port}
# Relative to the data folder: an absolute path may be longer than a socket's name can be.
socket = mysql.sock
pid-file = mysqld.pid
log-error = "{logDir}/mysql.log"
log-timestamps = SYSTEM
character-set-server = utf8mb4
explicit-defaults-for-timestamp = on
skip-ssl

[mysqldump]
quick
max-allowed-packet = 512M
