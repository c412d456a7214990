import type { Host } from "../host";

// WeChat's own API and the two frameworks' copies of it differ in little; what differs is met here once.

/** The part of `wx`, `uni` or `Taro` that is used. Loose on purpose: their typings describe the same thing in three ways. */
export interface Platform {
  request(options: any): unknown;
  connectSocket(options: any): unknown;
  login(options: any): unknown;
  getStorageSync(key: string): any;
  setStorageSync(key: string, data: any): void;
  onAppShow(listener: () => void): void;
  onNetworkStatusChange(listener: (now: { isConnected: boolean }) => void): void;
}

interface SocketTask {
  onOpen(listener: () => void): void;
  onMessage(listener: (message: { data: unknown }) => void): void;
  onClose(listener: () => void): void;
  onError(listener: () => void): void;
  send(options: object): void;
  close(options: object): void;
}

const nothing = () => undefined;

export function platformHost(api: Platform, socketHeaders: boolean): Host {
  return {
    socketHeaders,
    // Any status is a success here.
    request: (request) => new Promise((success, fail) => api.request({ ...request, success, fail })),
    openSocket: (url, header, events) => {
      const attach = (task: SocketTask) => {
        task.onOpen(events.opened);
        task.onMessage((message) => events.message(String(message.data)));
        task.onClose(events.closed);
        task.onError(events.closed);
        return { send: (text: string) => task.send({ data: text, fail: nothing }), close: () => task.close({ fail: nothing }) };
      };
      // uni gives a task only where a callback is passed, Taro gives a promise of it; wx must not be kept waiting, or the first event is missed.
      const task = api.connectSocket({ url, header, fail: events.closed, complete: nothing }) as SocketTask | Promise<SocketTask>;
      return "then" in task ? task.then(attach) : attach(task);
    },
    login: () => new Promise((success, fail) => api.login({ success, fail })),
    read: (key) => String(api.getStorageSync(key) || ""),
    write: (key, text) => api.setStorageSync(key, text),
    onWake: (wake) => {
      // Sockets end in the background, sometimes without a word; another network ends them too.
      api.onAppShow(() => wake(true));
      api.onNetworkStatusChange((now) => {
        if (now.isConnected) wake(true);
      });
    },
  };
}
