// `ftlc` for programs that embed the compiler, in Node or a browser: pure, with no file system, clock or GPU in reach.
export { compile, compileStages, type Compilation, type CompileOptions, type Facts } from "./compile.ts";
export { renderText } from "./diagnostics/render.ts";
export type { Read } from "./language/resolve.ts";
export type { Settings } from "./language/settings.ts";
export { canonicalJson } from "./plan/canonical.ts";
export type * from "./plan/plan.ts";
export { readPlan } from "./plan/read.ts";
export { reportJson, type PlanReport } from "./plan/report-json.ts";
export { reportText } from "./plan/report-text.ts";
export { profileFromDevice } from "./profile/device.ts";
export { seal, verify, type Verification, type Verified } from "./verify/verify.ts";
export type { Diagnostic } from "../grammar/diagnostic.ts";
