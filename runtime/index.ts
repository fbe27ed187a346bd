// `ftlc/runtime` for programs that embed it, in Node or a browser: nothing here reaches for a file system.
export { DeviceError, type DeviceErrorKind } from "./device/scopes.ts";
export { launch, stagingBytes, UnfitDeviceError } from "./launch/session.ts";
export type { Allocated, LaunchOptions, Session } from "./launch/session.ts";
export { ClosedError, DeviceLostError } from "./launch/watch.ts";
