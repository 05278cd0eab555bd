//! The demo apps with their real programs.

mod demo;
mod hello;
mod mariadb;
mod nginx;
mod redis;
mod upgrade;
