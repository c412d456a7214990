import { platformHost, type Platform } from "./platform";

/** Taro：`taroHost(Taro)`. As with uni-app, one way for mini-programs and web. */
export const taroHost = (taro: Platform) => platformHost(taro, false);
