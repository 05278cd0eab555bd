# Counts only where nginx is started by root: its workers then read what root's home holds.
user root;
worker_processes {workers};
daemon off;
pid run/nginx.pid;
error_log stderr notice;

events {
    worker_connections 512;
}

http {
    include program/etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log logs/access.log;
    sendfile on;
    client_body_temp_path run/body;
    proxy_temp_path run/proxy;
    fastcgi_temp_path run/fastcgi;
    uwsgi_temp_path run/uwsgi;
    scgi_temp_path run/scgi;

    server {
        listen 127.0.0.1:{port};
        root "{webRoot}";
        index index.html;
    }
}
