// The fused graph: what a program dispatches, in order, layers that are alike folded into one. In: the state. Out: the section. Each row is
// a kernel's dispatch; arcs beside the rows lead from who writes a value to who reads it.
import { make, makeSvg, section } from "./dom.ts";
import { windowAround } from "./curve.ts";
import type { Dispatch, Kernel, Model, Program } from "./model.ts";
import { chosenLine, type State } from "./state.ts";
import { bytesText, percent } from "../../plan/units.ts";

/** Neighbouring dispatches of one part of the model: a layer, or what stands beside the layers. */
export interface Stretch {
  /** "model.layers.{i}", "lm_head". */
  readonly part: string;
  readonly layer: number;
  readonly dispatches: readonly Dispatch[];
}

/** Stretches in a row that run the same kernels. */
export interface Fold {
  readonly part: string;
  readonly stretches: readonly Stretch[];
}

export function foldsOf(program: Program): readonly Fold[] {
  const stretches: { part: string; layer: number; dispatches: Dispatch[] }[] = [];
  const { dispatches } = program;
  for (let at = 0; at < dispatches.length;) {
    const [part, layer] = standingOf(dispatches[at]);
    let end = at + 1;
    for (; end < dispatches.length; end += 1) {
      const [otherPart, otherLayer] = standingOf(dispatches[end]);
      if (otherPart !== part || otherLayer !== layer) break;
    }
    const run = dispatches.slice(at, end);
    const last = stretches.at(-1);
    // A few dispatches that belong to no part go with those before them.
    const joins = last !== undefined && part === "" && run.length < fewDispatches;
    const goesOn = last?.part === part && last.layer === layer;
    if (last !== undefined && (joins || goesOn)) last.dispatches.push(...run);
    else stretches.push({ part, layer, dispatches: [...run] });
    at = end;
  }
  const folds: { part: string; stretches: Stretch[]; key: string }[] = [];
  for (const stretch of stretches) {
    const key = `${stretch.part} ${stretch.dispatches.map(({ kernel }) => kernel).join()}`;
    const last = folds.at(-1);
    if (last?.key === key) last.stretches.push(stretch);
    else folds.push({ part: stretch.part, stretches: [stretch], key });
  }
  return folds;
}

const fewDispatches = 8;

function standingOf(dispatch: Dispatch | undefined): readonly [string, number] {
  return [partOf(dispatch?.pattern ?? ""), dispatch?.layer ?? -1];
}

/** Up to the layer's number; beside the layers, the whole path. */
function partOf(pattern: string): string {
  const end = pattern.indexOf("{i}");
  return end === -1 ? pattern : pattern.slice(0, end + 3);
}

export function graphSection(state: State): HTMLElement {
  const { programs } = state.model;
  const shown = programs.filter(({ dispatches }) => dispatches.length > 0);
  const select = make(
    "select",
    { "aria-label": "Program" },
    ...shown.map(({ name, index, dispatches }) =>
      make("option", { value: index }, `${name}: ${dispatches.length} dispatches`),
    ),
  );
  const list = make("div", { class: "folds" });
  const show = (): void => {
    const program = programs[Number(select.value)];
    if (program === undefined) return;
    const all = costOf(state.model, program.dispatches);
    list.replaceChildren(...foldsOf(program).map((fold) => foldElement(state, program, fold, all)));
  };
  select.addEventListener("change", show);
  show();
  return section(
    "graph",
    "The fused graph",
    make("div", { class: "controls" }, select),
    make(
      "p",
      { class: "note" },
      "What a program dispatches, in order; layers that run the same kernels stand together. An arc leads from the kernel that writes a value down to the one that reads it.",
    ),
    list,
  );
}

function costOf({ kernels }: Model, dispatches: readonly Dispatch[]): number {
  return dispatches.reduce((sum, { kernel }) => sum + (kernels[kernel]?.cost ?? 0), 0);
}

function foldElement(state: State, program: Program, { part, stretches }: Fold, all: number): HTMLElement {
  const [first] = stretches;
  const last = stretches.at(-1);
  const own = stretches.flatMap(({ dispatches }) => dispatches);
  const several = stretches.length > 1 && first !== undefined && last !== undefined;
  const name =
    part === ""
      ? "beside the parts of the model"
      : part.replace("{i}", several ? `${first.layer} … ${last.layer}` : String(first?.layer ?? ""));
  const count = several ? `${stretches.length} × ${first.dispatches.length}` : String(own.length);
  const summary = make(
    "summary",
    {},
    make("span", { class: "name" }, name),
    make("span", { class: "count" }, `${count} dispatch${count === "1" ? "" : "es"}`),
    make("span", { class: "cost" }, percent(costOf(state.model, own) / Math.max(1, all))),
  );
  const element = make("details", { class: "fold" }, summary);
  // Made when it is opened for the first time: a plan has tens of thousands of rows.
  element.addEventListener("toggle", () => {
    if (!element.open || element.children.length > 1) return;
    const body = make("div", { class: "rows" });
    const show = (at: number): void => {
      const stretch = stretches[at];
      if (stretch !== undefined) body.replaceChildren(rowsOf(state, program, stretch));
    };
    if (several) {
      const select = make(
        "select",
        { "aria-label": "Layer" },
        ...stretches.map(({ layer }, at) => make("option", { value: at }, `layer ${layer}`)),
      );
      select.addEventListener("change", () => show(Number(select.value)));
      element.append(make("div", { class: "controls" }, select));
    }
    element.append(body);
    show(0);
  });
  return element;
}

const rowHeight = 28;
const gutter = 72;
const mostRows = 400;

interface Edge {
  readonly from: number;
  readonly to: number;
}

function rowsOf(state: State, program: Program, { dispatches }: Stretch): HTMLElement {
  const shown = dispatches.slice(0, mostRows);
  const start = shown[0]?.index ?? 0;
  const places = new Map(shown.map(({ index }, at) => [index, at]));
  const edges: readonly Edge[] = shown.flatMap(({ writers }, to) =>
    [...new Set(writers)]
      .filter((writer) => writer >= 0)
      .map((writer) => ({ from: places.get(writer) ?? -1, to })),
  );
  const arcs = edges.map((edge) =>
    makeSvg("path", { d: arcPath(edge), class: edge.from < 0 ? "stub" : "arc" }),
  );
  const drawing = makeSvg(
    "svg",
    { width: gutter, height: rowHeight * shown.length, "aria-hidden": "true" },
    ...arcs,
  );
  const rows = shown.map((dispatch, at) => {
    const row = rowOf(state, program, dispatch);
    const light = (on: boolean): void => {
      for (const [index, { from, to }] of edges.entries()) {
        if (from !== at && to !== at) continue;
        arcs[index]?.classList.toggle("on", on);
        rows[from === at ? to : from]?.classList.toggle("near", on);
      }
      const kernel = state.model.kernels[dispatch.kernel];
      state.change({ pointedLines: on ? (kernel?.lines ?? []) : [] });
    };
    row.addEventListener("pointerenter", () => light(true));
    row.addEventListener("pointerleave", () => light(false));
    row.addEventListener("focus", () => light(true));
    row.addEventListener("blur", () => light(false));
    return row;
  });
  const rest = dispatches.length - shown.length;
  const note =
    rest > 0
      ? make("p", { class: "note" }, `and ${rest} more, to dispatch ${start + dispatches.length - 1}`)
      : undefined;
  return make(
    "div",
    {},
    make("div", { class: "arcs" }, drawing as Node, make("div", { class: "list" }, ...rows)),
    note,
  );
}

/** A bow to the left, wider for what lies further apart; from above the list, a short line. */
function arcPath({ from, to }: Edge): string {
  const end = to * rowHeight + rowHeight / 2 - 3;
  if (from < 0) return `M${gutter - 2} ${end} h-12`;
  const start = from * rowHeight + rowHeight / 2 + 3;
  const wide = Math.min(gutter - 8, 10 + 12 * Math.log2(1 + to - from));
  return `M${gutter - 2} ${start} C${gutter - wide} ${start} ${gutter - wide} ${end} ${gutter - 2} ${end}`;
}

function rowOf(state: State, program: Program, dispatch: Dispatch): HTMLElement {
  const kernel: Kernel | undefined = state.model.kernels[dispatch.kernel];
  const within = dispatch.path
    .slice(partOf(dispatch.pattern).replace("{i}", String(dispatch.layer)).length)
    .replace(/^\./, "");
  const row = make(
    "button",
    {
      type: "button",
      class: "row",
      title: titleOf(state.model, program, dispatch),
      "data-dispatch": dispatch.index,
    },
    make("span", { class: "number" }, String(dispatch.index)),
    make("span", { class: "name" }, within === "" ? (kernel?.name ?? "") : within),
    make("span", { class: "about" }, kernel?.about ?? ""),
  );
  const lines = kernel?.lines ?? [];
  const line = chosenLine(state.look);
  row.classList.toggle("lit", line !== undefined && lines.includes(line));
  row.addEventListener("click", () => goTo(state, program, dispatch.index));
  return row;
}

function titleOf(
  { kernels, blocks }: Model,
  { dispatches }: Program,
  { kernel, blocks: bound, writers }: Dispatch,
): string {
  const { name = "", access = "", cost = 0, workgroups = [] } = kernels[kernel] ?? {};
  const bindings = bound.map((index, at) => {
    const { name = "", bytes = 0 } = blocks[index] ?? {};
    const from = writers[at] ?? -1;
    const by = from < 0 ? "" : `, written by ${from} ${kernels[dispatches[from]?.kernel ?? -1]?.name ?? ""}`;
    const does = { r: "reads", w: "writes", x: "changes" }[access[at] ?? ""] ?? "";
    return `${does} ${name} (${bytesText(bytes)})${by}`;
  });
  return [`${name}, ${workgroups.join(" × ")} workgroups, cost ${bytesText(cost)}`, ...bindings].join("\n");
}

/** Shows the dispatch in the map of memory. */
function goTo(state: State, program: Program, dispatch: number): void {
  const scenes = [state.look.scene, ...state.model.scenes];
  const scene = scenes.find(({ parts }) => parts.some((part) => part.program === program));
  const part = scene?.parts.find((each) => each.program === program);
  if (scene === undefined || part === undefined) return;
  const [from, to] = windowAround(scene, program, dispatch);
  state.change({ scene, from, to, moment: { part, dispatch } });
  document.querySelector("#memory")?.scrollIntoView({ block: "start" });
}
