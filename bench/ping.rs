//! The bare actix-web program whose rate of `/ping` is the measure for ours: built with the same
//! crates and profile, one route, nothing else. `bench_ping PORT`.

use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(0_u16);
    HttpServer::new(|| {
        App::new().route(
            "/ping",
            web::get().to(async || HttpResponse::Ok().body("OK")),
        )
    })
    .bind(("127.0.0.1", port))?
    .run()
    .await
}
