import { platformHost, type Platform } from "./platform";

/** 微信小程序：`wxHost(wx)`. */
export const wxHost = (wx: Platform) => platformHost(wx, true);
