// Memory over the step, drawn in characters for a terminal of 80 columns: time goes to the right in dispatches, bytes go up from what is
// held throughout to the most there is. In: the report. Out: a heading, the curve, and the programs below their stretches.
import type { PlanReport } from "./report-json.ts";
import { bytesText } from "./units.ts";

/** Lines of the curve, each of eight heights. */
const rows = 6;
const eighths = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const margin = 13;

export function timelineText({ memory }: PlanReport): string {
  const { held_bytes: held, stretches } = memory.timeline;
  if (stretches.length === 0) return "";
  const top = Math.max(...stretches.map(({ bytes }) => bytes));
  const range = top - held;
  // What is there at all is seen.
  const heights = stretches.map(({ bytes }) =>
    range === 0 || bytes === held ? 0 : Math.max(1, Math.round((8 * rows * (bytes - held)) / range)),
  );
  const lines = Array.from({ length: rows }, (_, at) => {
    const below = 8 * (rows - 1 - at);
    const drawn = heights.map((height) => eighths[Math.max(0, Math.min(8, height - below))]).join("");
    return `${(at === 0 ? bytesText(top) : "").padStart(margin - 2)} │${drawn}`.trimEnd();
  });
  const bottom = `${bytesText(held).padStart(margin - 2)} └${"─".repeat(stretches.length)}`;
  return ["Memory over a step", ...lines, bottom, ...programsBelow(memory)].join("\n");
}

/** Each program where it begins, with how often a step runs it and its dispatches; a name that would run into the next has a line of its own. */
function programsBelow({ timeline: { stretches }, programs }: PlanReport["memory"]): readonly string[] {
  const marks: string[] = [];
  let line = "";
  for (const [at, { program }] of stretches.entries()) {
    if (at > 0 && stretches[at - 1]?.program === program) continue;
    const { per_step: times = 0, dispatches = 0 } = programs[program] ?? {};
    const text = `${program}${times > 1 ? ` × ${times}` : ""}: ${dispatches}`;
    const column = Math.min(margin + at, 80 - text.length - 2);
    if (line.length > column - 1 && line !== "") {
      marks.push(line);
      line = "";
    }
    line = `${line.padEnd(column)}↑ ${text}`;
  }
  return [...marks, line];
}
