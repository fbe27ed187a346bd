// Logits of a trained adapter at some ranks of its range, on the first micro-batch that its recipe holds out, for `logits.py` to compare
// with. Comes in: a recipe, a folder to write to, and ranks. Goes out: `rows.json` ({ input_ids, attention_mask }), and for each rank
// `rank-R.f32`, logits as little-endian f32 [rows, tokens, vocabulary]. Run by `compare.sh`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { compile } from "../../compiler/compile.ts";
import { profileFromDevice } from "../../compiler/profile/device.ts";
import { openDevice } from "../../runtime/device/open.ts";
import { writeMicro, writeRank } from "../../runtime/train/feed.ts";
import { readHeld } from "../../runtime/train/held.ts";
import { openTuned } from "../../runtime/train/tuned.ts";
import { findTuned } from "../../runtime/cli/tuned.ts";
import { readRecipe } from "../../compiler/front.ts";

const [recipe, out, ...ranks] = process.argv.slice(2);
if (recipe === undefined || out === undefined || ranks.length === 0)
  throw new Error("usage: node test/peft/logits.ts RECIPE OUT RANK…");

const folder = dirname(resolve(recipe));
const source = { path: resolve(recipe), text: readFileSync(recipe, "utf8") };
const read = (path: string): string => readFileSync(path, "utf8");
const front = readRecipe(source, read);
if (front.settings === undefined) throw new Error("the recipe has mistakes: see ftlc check");
const tuned = findTuned(front.settings, folder, undefined);
const opened = await openDevice();
const { plan, settings, facts } = compile(source.text, {
  path: source.path,
  read,
  profile: profileFromDevice(opened.facts),
  purposes: ["score"],
  tuned,
});
if (plan === undefined || settings === undefined || facts === undefined)
  throw new Error("the recipe does not compile: see ftlc compile");
const held = await readHeld(settings, plan.job, folder, resolve(folder, settings.model.path.value));
const batch = held?.batches.at(1);
if (batch === undefined) throw new Error("the recipe holds no rows out");

const session = await openTuned({ plan, settings, facts, folder, device: opened.device });
mkdirSync(out, { recursive: true });
const { rows, tokens } = plan.job;
const table = (values: Uint32Array): number[][] =>
  Array.from({ length: rows }, (_, row) => [...values.subarray(row * tokens, (row + 1) * tokens)]);
const mask = batch.segments.map((segment) => (segment === 0 ? 0 : 1));
writeFileSync(
  join(out, "rows.json"),
  JSON.stringify({ input_ids: table(batch.ids), attention_mask: table(mask) }),
);
await writeMicro(session, batch, 0, rows);
for (const rank of ranks) {
  await writeRank(session, Number(rank));
  await session.run("logits");
  const logits = await session.read("logits");
  writeFileSync(join(out, `rank-${rank}.f32`), new Uint8Array(logits.buffer));
}
session.close();
opened.close();
// Dawn keeps the process alive.
process.exit(0);
