// What a plan says to its reader: as data for scripts, as text for a terminal.
export {
  reportJson,
  type PlanReport,
  type Repair,
  type ReportEntry,
  type ReportProgram,
} from "./report-json.ts";
export { reportText } from "./report-text.ts";
export { bytesText } from "./units.ts";
