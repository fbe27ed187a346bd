// The page: reads its data, makes the views of one plan, and changes to another plan when asked. The data stands in the page itself; nothing
// is fetched.
import { make, section } from "./dom.ts";
import { graphSection } from "./graph.ts";
import { memorySection } from "./memory.ts";
import { modelOf } from "./model.ts";
import { recipePane } from "./recipe.ts";
import { stateOf } from "./state.ts";
import { headline, kindsSection, refusalSection, stepSection } from "./summary.ts";
import { checksSection, decisionsSection, kernelsSection } from "./tables.ts";
import type { PageData } from "../data.ts";

function start(): void {
  const data = JSON.parse(document.querySelector("#data")?.textContent ?? "{}") as PageData;
  const page = make("main");
  const show = (at: number): void => {
    const plan = data.plans[at];
    if (plan === undefined) return;
    const state = stateOf(modelOf(plan));
    const comparison =
      data.comparison === undefined
        ? undefined
        : section("comparison", "Side by side", make("pre", { tabindex: 0 }, data.comparison));
    const views = [refusalSection(state), comparison, kindsSection(state), stepSection(state)].filter(
      (view) => view !== undefined,
    );
    const sections = [
      memorySection(state),
      graphSection(state),
      kernelsSection(state),
      decisionsSection(state),
      checksSection(state),
    ];
    page.replaceChildren(
      headline(state),
      recipePane(state),
      make("div", { class: "content" }, make("div", { class: "pair" }, ...views), ...sections),
    );
  };
  if (data.plans.length > 1) document.body.append(plansBar(data, show));
  document.body.append(page);
  show(0);
}

/** Tabs in a row: stages of a recipe, or recipes that are compared. */
function plansBar({ plans }: PageData, show: (at: number) => void): HTMLElement {
  const buttons = plans.map(({ title }, at) => {
    const made = make("button", { type: "button", "aria-pressed": String(at === 0) }, title);
    made.addEventListener("click", () => {
      for (const [index, other] of buttons.entries())
        other.setAttribute("aria-pressed", String(index === at));
      show(at);
    });
    return made;
  });
  return make("nav", { "aria-label": "Plans" }, ...buttons);
}

start();
