[client]
host = 127.0.0.1
port = {port}
user = root

[mariadbd]
# Counts only where the server is started by root, which it refuses otherwise.
user = root
basedir = "{exePath}/program/usr"
datadir = "{dataDir}"
# A server that starts clears this folder: in a shared one it would clear other servers' files.
tmpdir = "{exePath}/tmp"
bind_address = 127.0.0.1
port = {port}
# Relative to the data folder: an absolute path may be longer than a socket's name can be.
socket = mariadb.sock
pid_file = mariadb.pid
log_error = "{logDir}/mariadb.log"
lc_messages_dir = "{exePath}/program/usr/share/mysql"
plugin_dir = "{exePath}/program/usr/lib/mysql/plugin"
character_set_server = utf8mb4
innodb_log_file_size = 16M
