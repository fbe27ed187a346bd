// The section of memory over the step: curve, map, the words for the block that is pointed at or picked, and the ways to move: pointer, wheel,
// buttons and keys. In: the state. Out: the section.
import { curveOf, windowAround } from "./curve.ts";
import { button, make, onReshape, section } from "./dom.ts";
import { memoryMap, sidesOf, type MemoryMap } from "./map.ts";
import { dispatchAt, placeOf, wordsOf, type Block, type Model } from "./model.ts";
import { spanOfBytes, type Look, type State } from "./state.ts";
import { bytesText } from "../../plan/units.ts";

/** Name, bytes, lifetime, type and recipe lines of a block, a line each. */
export function blockWords(model: Model, block: Block): readonly (readonly [string, string])[] {
  const { name, kind, bytes, type, shape, program, first, last, lines, place, at, buffer } = block;
  const run = model.programs[program];
  const [from, to] = [run?.dispatches[first], run?.dispatches[last]];
  const life =
    run === undefined || from === undefined || to === undefined
      ? "throughout"
      : `${run.name}, dispatch ${first} to ${last}: from ${wordsOf(model, from)} to ${wordsOf(model, to)}`;
  const said = lines.map((line) => `${line}: ${(model.plan.recipe.lines[line - 1] ?? "").trim()}`);
  return [
    ["name", name],
    ["bytes", `${bytesText(bytes)} (${bytes.toLocaleString("en")} bytes) of ${model.plan.kinds[kind] ?? ""}`],
    ["type", `${type} ${shape}`],
    [
      "offset",
      `${(at - (model.starts[buffer] ?? 0)).toLocaleString("en")} in ${model.plan.buffers[buffer]?.name ?? ""}`,
    ],
    ["lives", life],
    ["recipe", said.length === 0 ? "no line: a default" : said.join("\n")],
    ["said in", place],
  ];
}

export function memorySection(state: State): HTMLElement {
  const { model } = state;
  const map = memoryMap(state);
  const curve = curveOf(state);
  const tip = make("div", { class: "tip", role: "tooltip", hidden: true });
  const detail = make("div", { class: "detail", "aria-live": "polite" });
  map.element.append(tip);
  listenPointer(map, state, tip);
  listenKeys(map.front, state);

  const describe = ({ picked }: Look): void => {
    detail.replaceChildren(
      picked === undefined
        ? make(
            "p",
            { class: "hint" },
            "Point at a block for what it is, pick it to keep it here. Drag along the curve to see a part of the step larger. With the keyboard: ← → walk through the step, ↑ ↓ through memory, + − 0 zoom, Escape lets go.",
          )
        : make(
            "dl",
            {},
            ...blockWords(model, picked).flatMap(([term, words]) => [
              make("dt", {}, term),
              make("dd", {}, words),
            ]),
          ),
    );
  };
  state.watch((look, before) => {
    const seen = (["scene", "whole", "from", "to", "low", "high", "pointedLine", "pickedLine"] as const).some(
      (key) => look[key] !== before[key],
    );
    if (seen) {
      curve.draw();
      map.draw();
    } else map.drawFront();
    if (look.picked !== before.picked) describe(look);
  });
  describe(state.look);
  const draw = (): void => {
    curve.draw();
    map.draw();
  };
  onReshape(map.element, draw);
  return section("memory", "Memory over the step", controls(state), curve.element, map.element, detail);
}

function controls(state: State): HTMLElement {
  const { model } = state;
  const scenes = make(
    "select",
    { "aria-label": "What runs" },
    ...model.scenes.map(({ label }, at) => make("option", { value: at }, label)),
  );
  scenes.addEventListener("change", () => {
    const scene = model.scenes[Number(scenes.value)];
    if (scene !== undefined) state.change({ scene, from: 0, to: 1, moment: undefined, pointed: undefined });
  });
  const whole = make(
    "select",
    { "aria-label": "Which memory" },
    make("option", { value: "whole" }, "all memory"),
    make("option", { value: "moving" }, "what comes and goes"),
  );
  whole.value = state.look.whole ? "whole" : "moving";
  whole.addEventListener("change", () => {
    const [low, high] = spanOfBytes(model, whole.value === "whole");
    state.change({ whole: whole.value === "whole", low, high });
  });
  state.watch((look) => {
    scenes.value = String(model.scenes.indexOf(look.scene));
    whole.value = look.whole ? "whole" : "moving";
  });
  return make(
    "div",
    { class: "controls" },
    scenes,
    whole,
    make(
      "span",
      { class: "group" },
      button("+", "Zoom in", () => zoom(state, 0.5)),
      button("−", "Zoom out", () => zoom(state, 2)),
      button("All", "Show the whole step", () => showAll(state)),
      button("Peak", "Go to the fullest moment", () => goToPeak(state)),
    ),
  );
}

/** Around a place of the axis, or the middle of what is seen; with `bytes`, around these too. */
function zoom(state: State, by: number, place?: number, bytes?: number): void {
  const { from, to, low, high, whole, scene } = state.look;
  const all = scene.parts.reduce((sum, { program }) => sum + program.dispatches.length, 0);
  const around = (
    a: number,
    b: number,
    middle: number,
    least: number,
    most: readonly [number, number],
  ): readonly [number, number] => {
    const size = Math.max(least, Math.min(most[1] - most[0], (b - a) * by));
    const start = Math.max(most[0], Math.min(most[1] - size, middle - ((middle - a) / (b - a)) * size));
    return [start, start + size];
  };
  const [nextFrom, nextTo] = around(from, to, place ?? (from + to) / 2, Math.min(1, 4 / all), [0, 1]);
  const bounds = spanOfBytes(state.model, whole);
  const [nextLow, nextHigh] = bytes === undefined ? [low, high] : around(low, high, bytes, 4096, bounds);
  state.change({ from: nextFrom, to: nextTo, low: nextLow, high: nextHigh });
}

function showAll(state: State): void {
  const [low, high] = spanOfBytes(state.model, state.look.whole);
  state.change({ from: 0, to: 1, low, high });
}

function goToPeak(state: State): void {
  const { model } = state;
  const peaks = model.plan.report.memory.programs;
  const [fullest] = model.programs.toSorted(
    (a, b) => (peaks[b.name]?.peak_bytes ?? 0) - (peaks[a.name]?.peak_bytes ?? 0),
  );
  const scene = [state.look.scene, ...model.scenes].find(({ parts }) =>
    parts.some(({ program }) => program === fullest),
  );
  const part = scene?.parts.find(({ program }) => program === fullest);
  if (fullest === undefined || scene === undefined || part === undefined) return;
  const [from, to] = windowAround(scene, fullest, fullest.peakAt);
  state.change({ scene, from, to, moment: { part, dispatch: fullest.peakAt } });
}

function listenPointer(
  { front, blockAt, placeAt, bytesAt }: MemoryMap,
  state: State,
  tip: HTMLElement,
): void {
  let grabbed: { readonly x: number; readonly y: number; readonly look: Look; moved: boolean } | undefined;
  front.addEventListener("pointerdown", (event) => {
    grabbed = { x: event.offsetX, y: event.offsetY, look: state.look, moved: false };
  });
  front.addEventListener("pointermove", (event) => {
    if (grabbed !== undefined && Math.abs(event.offsetX - grabbed.x) > 3) {
      grabbed.moved = true;
      front.setPointerCapture(event.pointerId);
    }
    if (grabbed?.moved === true) {
      const { from, to } = grabbed.look;
      const by = placeAt(grabbed.x) - placeAt(event.offsetX);
      const start = Math.max(0, Math.min(1 - (to - from), from + by));
      state.change({ from: start, to: start + (to - from), pointed: undefined });
      tip.hidden = true;
      return;
    }
    const block = blockAt(event.offsetX, event.offsetY);
    if (block !== state.look.pointed) state.change({ pointed: block });
    // A finger covers what it points at: what is picked is told below.
    if (event.pointerType !== "touch") showTip(tip, front, state.model, block, event);
  });
  const leave = (): void => {
    grabbed = undefined;
    tip.hidden = true;
    if (state.look.pointed !== undefined) state.change({ pointed: undefined });
  };
  front.addEventListener("pointerleave", leave);
  front.addEventListener("pointercancel", leave);
  front.addEventListener("pointerup", (event) => {
    const picked = blockAt(event.offsetX, event.offsetY);
    if (grabbed?.moved === false) state.change({ picked, pickedLine: undefined });
    grabbed = undefined;
  });
  // The wheel alone scrolls the page, as everywhere.
  front.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    const by = event.deltaY + event.deltaX > 0 ? 1.25 : 0.8;
    zoom(state, by, placeAt(event.offsetX), event.shiftKey ? undefined : bytesAt(event.offsetY));
  });
}

function showTip(
  tip: HTMLElement,
  front: HTMLElement,
  model: Model,
  block: Block | undefined,
  { offsetX, offsetY }: PointerEvent,
): void {
  tip.hidden = block === undefined;
  if (block === undefined) return;
  if (tip.dataset["block"] !== String(block.index)) {
    tip.dataset["block"] = String(block.index);
    const [[, name] = ["", ""], ...others] = blockWords(model, block);
    tip.replaceChildren(
      make("strong", {}, name),
      ...others.map(([term, words]) => make("div", {}, make("span", { class: "term" }, term), words)),
    );
  }
  const left = Math.min(offsetX + 14, front.clientWidth - tip.offsetWidth - 4);
  const below = offsetY + 18 + tip.offsetHeight < front.clientHeight + 60;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${below ? offsetY + 18 : offsetY - tip.offsetHeight - 10}px`;
}

function listenKeys(front: HTMLElement, state: State): void {
  const walk = (by: number): void => {
    const { scene, moment, from, to } = state.look;
    const current = moment ?? dispatchAt(scene, (from + to) / 2);
    if (current === undefined) return;
    const at = scene.parts.indexOf(current.part);
    let [part, dispatch] = [current.part, current.dispatch + (moment === undefined ? 0 : by)];
    const count = part.program.dispatches.length;
    const next = scene.parts[at + Math.sign(by)];
    if ((dispatch < 0 || dispatch >= count) && next !== undefined) {
      part = next;
      dispatch = by > 0 ? 0 : next.program.dispatches.length - 1;
    }
    dispatch = Math.max(0, Math.min(part.program.dispatches.length - 1, dispatch));
    const place = placeOf(part, dispatch + 0.5);
    const size = to - from;
    const start = place < from || place > to ? Math.max(0, Math.min(1 - size, place - size / 2)) : from;
    state.change({ moment: { part, dispatch }, from: start, to: start + size });
  };
  const climb = (by: number): void => {
    const { scene, moment, picked } = state.look;
    if (moment === undefined) return walk(0);
    const place = placeOf(moment.part, moment.dispatch + 0.5);
    const [low, high] = [state.look.low, state.look.high];
    const live = state.model.blocks
      .filter((block) => {
        const sides = sidesOf(scene, block);
        return (
          sides !== undefined &&
          sides[0] <= place &&
          place < sides[1] &&
          block.at < high &&
          block.at + block.bytes > low
        );
      })
      .toSorted((a, b) => a.at - b.at);
    const at = picked === undefined ? -1 : live.indexOf(picked);
    const next = at === -1 ? live[by > 0 ? 0 : live.length - 1] : live[at + by];
    if (next !== undefined) state.change({ picked: next, pickedLine: undefined });
  };
  const acts: Readonly<Record<string, (far: boolean) => void>> = {
    ArrowLeft: (far) => walk(far ? -50 : -1),
    ArrowRight: (far) => walk(far ? 50 : 1),
    ArrowUp: () => climb(1),
    ArrowDown: () => climb(-1),
    "+": () => zoom(state, 0.5, momentPlace(state)),
    "=": () => zoom(state, 0.5, momentPlace(state)),
    "-": () => zoom(state, 2, momentPlace(state)),
    "0": () => showAll(state),
    p: () => goToPeak(state),
    Escape: () => state.change({ picked: undefined, pickedLine: undefined, moment: undefined }),
  };
  front.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act(event.shiftKey);
  });
}

function momentPlace({ look: { moment } }: State): number | undefined {
  return moment && placeOf(moment.part, moment.dispatch + 0.5);
}
