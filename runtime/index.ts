// `ftlc/runtime` for programs that embed it, in Node or a browser: nothing here reaches for a file system.
export { DeviceError, type DeviceErrorKind } from "./device/scopes.ts";
export { LateAllocationError, type Allocated } from "./device/resources.ts";
export { launch, stagingBytes, UnfitDeviceError } from "./launch/session.ts";
export type { LaunchOptions, Session } from "./launch/session.ts";
export { ClosedError, DeviceLostError } from "./launch/watch.ts";
export { verify, type Verification, type Verified } from "../compiler/verify/verify.ts";
export { batches, type Batch, type Batches } from "./data/batches.ts";
export { collectDocuments, type Document, type Documents } from "./data/documents.ts";
export { layOut, type Rows } from "./data/rows.ts";
export { train, TrainingError, type Trained, type TrainOptions } from "./train/loop.ts";
export type { EvaluationLine, LogLine, StepLine, TrainEvent } from "./train/lines.ts";
