// The recipe beside the plan, line by line: a line with something behind it is a button that lights its blocks, kernels and decisions, and is lit
// by them. In: the state. Out: the pane. Holds: the lit line is in sight whenever something is picked.
import { make } from "./dom.ts";
import { chosenLine, litLines, spanOfBytes, type State } from "./state.ts";
import { bytesText } from "../../plan/units.ts";

export function recipePane(state: State): HTMLElement {
  const { plan, blocks, kernels } = state.model;
  const linked = new Set(plan.causes.flat());
  const rows = plan.recipe.lines.map((text, at) => {
    const line = at + 1;
    const code = make("code", {}, ...coloured(text));
    const content = linked.has(line)
      ? make("button", { type: "button", class: "code", "aria-pressed": "false" }, code)
      : code;
    if (linked.has(line)) {
      content.addEventListener("click", () => pick(state, line));
      content.addEventListener("pointerenter", () => state.change({ pointedLine: line }));
      content.addEventListener("pointerleave", () => state.change({ pointedLine: undefined }));
    }
    return make("li", { "data-line": line, class: linked.has(line) ? "linked" : "" }, content);
  });
  const told = make("p", { class: "told", "aria-live": "polite" });
  const tell = (): void => {
    const line = chosenLine(state.look);
    told.textContent = line === undefined ? "Pick a line to see what it brings about." : summaryOf(line);
  };
  const atPeak = peakBytesOf(state);
  const summaryOf = (line: number): string => {
    const own = blocks.filter(({ lines }) => lines.includes(line));
    const bytes = own.reduce((sum, { index }) => sum + (atPeak.get(index) ?? 0), 0);
    const users = kernels.filter(({ lines }) => lines.includes(line)).length;
    return `Line ${line}: ${bytesText(bytes)} at the peak, ${own.length} buffers, ${users} kernels.`;
  };
  state.watch((look, before) => {
    const lit = litLines(look);
    for (const [at, row] of rows.entries()) {
      row.classList.toggle("lit", lit.includes(at + 1));
      row.firstElementChild?.setAttribute("aria-pressed", String(look.pickedLine === at + 1));
    }
    const [first] = lit;
    if (look.picked !== before.picked && look.picked !== undefined && first !== undefined)
      rows[first - 1]?.scrollIntoView({ block: "nearest" });
    if (chosenLine(look) !== chosenLine(before)) tell();
  });
  tell();
  return make(
    "aside",
    { class: "recipe", "aria-label": "The recipe" },
    make("h2", {}, plan.recipe.path.split("/").at(-1) ?? ""),
    make("ol", { tabindex: 0, "aria-label": "Lines of the recipe" }, ...rows),
    told,
  );
}

/** Picks a line, or lets go of it. Where most of its bytes are held throughout, these are shown too. */
function pick(state: State, line: number): void {
  const { model, look } = state;
  const pickedLine = look.pickedLine === line ? undefined : line;
  const [bottom, top] = spanOfBytes(model, false);
  const own = model.blocks.filter(({ lines }) => lines.includes(line));
  const sumOf = (some: typeof own): number => some.reduce((sum, { bytes }) => sum + bytes, 0);
  const outside = sumOf(own.filter(({ at }) => at < bottom || at >= top));
  const isHidden = !look.whole && 2 * outside > sumOf(own);
  const [low, high] = spanOfBytes(model, true);
  state.change({ pickedLine, picked: undefined, ...(isHidden ? { whole: true, low, high } : {}) });
}

/** Bytes of each block that is live at the fullest moment. */
function peakBytesOf({ model }: State): ReadonlyMap<number, number> {
  const peaks = model.plan.report.memory.programs;
  const [fullest] = model.programs.toSorted(
    (a, b) => (peaks[b.name]?.peak_bytes ?? 0) - (peaks[a.name]?.peak_bytes ?? 0),
  );
  const at = fullest?.peakAt ?? -1;
  return new Map(
    model.blocks
      .filter(
        ({ program, first, last }) =>
          program < 0 || (program === fullest?.index && first <= at && at <= last),
      )
      .map(({ index, bytes }) => [index, bytes]),
  );
}

/** Comments, texts, numbers and the noun in front, each in its colour. */
function coloured(text: string): Node[] {
  const pieces = text.split(/(\/\/.*$|"(?:[^"\\]|\\.)*"|^\s*[a-z_]\w*|\b\d[\w.%-]*)/u);
  return pieces.map((piece, at) => {
    if (at % 2 === 0) return document.createTextNode(piece);
    const kind = piece.startsWith("//")
      ? "comment"
      : piece.startsWith('"')
        ? "string"
        : /^\d/.test(piece)
          ? "number"
          : "noun";
    return make("span", { class: kind }, piece);
  });
}
