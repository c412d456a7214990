// The bare WebSocket topic: whoever connects hears what is posted to /publish. The ceiling of P7 and P8.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  async fetch(request) {
    if (request.method === "POST") {
      for (const message of (await request.text()).split("\n")) server.publish("wall", message);
      return new Response("ok");
    }
    return server.upgrade(request) ? undefined : new Response("a WebSocket, or POST", { status: 400 });
  },
  websocket: {
    open: (socket) => socket.subscribe("wall"),
    message: () => {},
    idleTimeout: 960,
    sendPings: false,
  },
});
