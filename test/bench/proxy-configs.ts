// Configuration of the native proxies that are measured beside the relay: one worker, one thread, buffers as shipped.

export function nginxConfig(port: number, upstreamPort: number, scratch: string): string {
  return `
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${scratch}/nginx.pid;
error_log ${scratch}/nginx.log error;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path ${scratch}/body;
  proxy_temp_path ${scratch}/proxy;
  fastcgi_temp_path ${scratch}/fastcgi;
  uwsgi_temp_path ${scratch}/uwsgi;
  scgi_temp_path ${scratch}/scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://127.0.0.1:${upstreamPort};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
  }
}
`
}

export function haproxyConfig(port: number, upstreamPort: number): string {
  return `
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend bench
  bind 127.0.0.1:${port}
  default_backend mock
backend mock
  server mock 127.0.0.1:${upstreamPort}
`
}
