import { platformHost, type Platform } from "./platform";

/** uni-app：`uniHost(uni)`. Its web build cannot send headers with a socket, so a ticket opens it on every platform. */
export const uniHost = (uni: Platform) => platformHost(uni, false);
