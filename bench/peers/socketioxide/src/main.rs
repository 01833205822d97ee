//! socketioxide on Tokio with one thread, as every server of the comparison has one.
use axum::serve::ListenerExt;
use serde_json::Value;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::SocketIo;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (layer, io) = SocketIo::new_layer();
        io.ns("/", async |socket: SocketRef| {
            socket.on("message-with-ack", async |Data::<Value>(data), ack: AckSender| {
                ack.send(&data).ok();
            });
            socket.on("broadcast", async |Data::<Value>(data), io: SocketIo| {
                io.emit("broadcast", &data).await.ok();
            });
        });
        let app = axum::Router::new().layer(layer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening on http://{}", listener.local_addr().unwrap());
        let listener = listener.tap_io(|tcp| tcp.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
    });
}
