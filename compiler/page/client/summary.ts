// The head of the page: does it fit, how the peak is made up, what a step does; for a plan that is refused, why, and the edits that help.
// In: the state. Out: the sections.
import { make, section, type Child } from "./dom.ts";
import type { State } from "./state.ts";
import { bytesText, countText, percent } from "../../plan/units.ts";

export function headline({ model }: State): HTMLElement {
  const { report } = model.plan;
  const { peak_bytes: peak, budget_bytes: budget } = report.memory;
  const room = budget - peak;
  const rest = room >= 0 ? `${bytesText(room)} to spare` : `${bytesText(-room)} too much`;
  return make(
    "header",
    {},
    make(
      "h1",
      {},
      report.recipe,
      make(
        "span",
        { class: report.fits ? "verdict good" : "verdict bad" },
        report.fits ? "fits" : "does not fit",
      ),
    ),
    make(
      "p",
      { class: "lead" },
      make("strong", {}, bytesText(peak)),
      ` of ${bytesText(budget)} on ${report.device}, ${rest}`,
    ),
    make(
      "p",
      { class: "hash" },
      `plan ${report.hash.slice(0, 16)}, ${report.verified ? "verified" : "refused by the verifier"}`,
    ),
  );
}

/** Undefined for a plan that fits. */
export function refusalSection({ model }: State): HTMLElement | undefined {
  const { refusal, report } = model.plan;
  if (report.fits) return undefined;
  const { repairs = [] } = report;
  return section(
    "refusal",
    "Why it is refused",
    make(
      "p",
      {},
      refusal === undefined ? "It does not fit its budget." : `${refusal.message}; ${refusal.label}.`,
    ),
    repairs.length === 0
      ? make("p", {}, "No edit was found with which it fits.")
      : table(
          "Edits with which it fits",
          ["edit", "then it needs"],
          repairs.map(({ edit, peak_bytes: bytes }) => [make("code", {}, edit), bytesText(bytes)]),
        ),
  );
}

export function kindsSection({ model }: State): HTMLElement {
  const { memory } = model.plan.report;
  const kinds = Object.entries(memory.by_kind).filter(([, bytes]) => bytes > 0);
  const scale = Math.max(
    memory.peak_bytes,
    memory.budget_bytes < 4 * memory.peak_bytes ? memory.budget_bytes : 0,
  );
  const bar = make("div", {
    class: "bar",
    role: "img",
    "aria-label": kinds.map(([kind, bytes]) => `${kind} ${bytesText(bytes)}`).join(", "),
  });
  for (const [kind, bytes] of kinds) {
    const part = make("span", { class: `fill ${kind}`, title: `${kind} ${bytesText(bytes)}` });
    part.style.width = `${(100 * bytes) / scale}%`;
    bar.append(part);
  }
  if (scale >= memory.budget_bytes) {
    const mark = make("span", { class: "budget", title: `budget ${bytesText(memory.budget_bytes)}` });
    mark.style.left = `${Math.min(99.6, (100 * memory.budget_bytes) / scale)}%`;
    bar.append(mark);
  }
  const rows = kinds.map(([kind, bytes]): readonly Child[] => [
    make("span", {}, make("span", { class: `swatch ${kind}` }), kind),
    bytesText(bytes),
    percent(bytes / memory.peak_bytes),
  ]);
  const types = Object.entries(memory.by_type)
    .toSorted(([, a], [, b]) => b - a)
    .map(([type, bytes]) => `${type} ${bytesText(bytes)}`);
  return section(
    "kinds",
    "At the peak",
    bar,
    table("Memory by kind at the peak", ["kind", "bytes", "share"], rows),
    make(
      "p",
      { class: "note" },
      `Held in ${types.join(", ")}. ${(memory.peak_bytes / Math.max(1, memory.lower_bound_bytes)).toFixed(4)} of the lower bound. Host: ${bytesText(memory.host.peak_bytes)}${offloaded(memory.host.held_bytes)}, ${bytesText(memory.host.traffic_per_step)} moved a step.`,
    ),
  );
}

export function stepSection({ model }: State): HTMLElement {
  const { work, parameters, memory } = model.plan.report;
  const facts = [
    [countText(work.dispatches_per_step), "dispatches a step"],
    [String(work.kernels), "kernels"],
    [countText(work.flops_per_step, "FLOP"), "a step"],
    [bytesText(work.bytes_per_step), "read and written a step"],
    [countText(parameters.trainable), `of ${countText(parameters.total)} parameters trained`],
  ];
  const programs = Object.entries(memory.programs).map(([name, each]): readonly Child[] => [
    name,
    String(each.per_step),
    String(each.dispatches),
    String(each.operations),
    bytesText(each.peak_bytes),
  ]);
  return section(
    "step",
    "A step",
    make(
      "ul",
      { class: "facts" },
      ...facts.map(([number, words]) => make("li", {}, make("strong", {}, number), ` ${words ?? ""}`)),
    ),
    table("Programs", ["program", "a step", "dispatches", "operations", "peak"], programs),
  );
}

function offloaded(bytes: number): string {
  return bytes === 0 ? "" : `, ${bytesText(bytes)} of it offloaded`;
}

/** The first column is words, the others are numbers. */
export function table(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly Child[])[],
): HTMLElement {
  const cells = (row: readonly Child[]): HTMLElement[] =>
    row.map((cell, at) => make(at === 0 ? "th" : "td", at === 0 ? { scope: "row" } : {}, cell));
  const made = make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))),
  );
  return make("div", { class: "scroll" }, made);
}
