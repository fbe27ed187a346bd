// Stages of a recipe: each is the recipe with some settings changed, run after the stages before. In: the settings of each, checked by
// themselves. Out: settings that go on from what the stage before leaves. Each stage leaves in a folder of its own what a recipe
// would; the weights carry over, the optimizer's state does not.
import { problem } from "../../grammar/diagnostic.ts";
import type { Report } from "./forms.ts";
import type { AdapterSettings, Settings, StageSettings } from "./settings.ts";

/** The stages in order, each going on from the one before. `whole` is the recipe without its stages. */
export function joined(
  stages: readonly StageSettings[],
  whole: Pick<Settings, "output">,
  report: Report,
): readonly StageSettings[] {
  const result: StageSettings[] = [];
  for (const stage of stages) {
    const same = result.find(({ name }) => name === stage.name);
    if (same !== undefined) {
      const related = [{ span: same.span, label: "the first" }];
      const message = `two stages are called '${stage.name}'`;
      report(problem("FTL0317", stage.span, message, "each leaves its results under its name", { related }));
    } else if (!/^\w[\w.-]*$/.test(stage.name)) {
      const message = `'${stage.name}' cannot name a stage: its results lie in a folder of that name`;
      report(problem("FTL0317", stage.span, message, "letters, digits, '_', '-' and '.'"));
    }
    const own = placed(stage, whole);
    const before = result.at(-1);
    result.push(before === undefined ? own : continued(own, before, report));
  }
  return result;
}

/** A stage that names no output of its own leaves its results under the recipe's, by its name. */
function placed(stage: StageSettings, { output }: Pick<Settings, "output">): StageSettings {
  const own = stage.settings.output;
  if (own.value !== output.value) return stage;
  return {
    ...stage,
    settings: { ...stage.settings, output: { ...own, value: `${own.value}/${stage.name}` } },
  };
}

function continued(stage: StageSettings, before: StageSettings, report: Report): StageSettings {
  const { settings } = stage;
  const wrong = (message: string, label: string): void =>
    report(
      problem("FTL0317", stage.span, message, label, {
        related: [{ span: before.span, label: "the stage before" }],
      }),
    );
  if (settings.model.path.value !== before.settings.model.path.value)
    wrong(`stage '${stage.name}' changes the model`, "stages go on from the weights of the stage before");
  for (const { alias } of before.settings.adapters) {
    if (!settings.adapters.some((adapter) => adapter.alias === alias))
      wrong(
        `stage '${stage.name}' has no adapter '${alias}'`,
        `what '${before.name}' taught it would be lost`,
      );
  }
  const folder = `${before.settings.output.value}/adapter`;
  const adapters = settings.adapters.map((adapter): AdapterSettings => {
    const earlier = before.settings.adapters;
    if (!earlier.some(({ alias }) => alias === adapter.alias)) return adapter;
    const value = earlier.length === 1 ? folder : `${folder}/${adapter.alias}`;
    return { ...adapter, start: { value, span: adapter.span } };
  });
  // What began at random has been saved by the stage before.
  return { ...stage, settings: { ...settings, model: { ...settings.model, init: undefined }, adapters } };
}
