// Names of tensors in checkpoints that were saved from the body of a model alone, as many on the hub were: they leave out the first part
// of the name ("h.0.ln_1.weight" for "transformer.h.0.ln_1.weight"). Comes in: a checkpoint and the names that a plan reads. Goes out: the
// checkpoint with its tensors under those names. Holds: a checkpoint that has any name with the first part is left as it is.
import type { Checkpoint, StoredTensor } from "./folder.ts";
import type { SafetensorsFile } from "./safetensors.ts";

export function underFullNames(checkpoint: Checkpoint, wanted: Iterable<string>): Checkpoint {
  const bodies = bodiesOf(checkpoint, wanted);
  if (bodies.size === 0) return checkpoint;
  const fullName = (name: string): string => {
    const body = bodies.get(firstPart(name));
    return body === undefined ? name : `${body}.${name}`;
  };
  const renamed = new Map<SafetensorsFile, SafetensorsFile>();
  for (const file of checkpoint.files) {
    const entries = [...file.tensors].map(([name, entry]) => [fullName(name), entry] as const);
    renamed.set(file, { ...file, tensors: new Map(entries) });
  }
  const tensors = [...checkpoint.tensors].map(([name, tensor]): [string, StoredTensor] => [
    fullName(name),
    { ...tensor, file: renamed.get(tensor.file) ?? tensor.file },
  ]);
  return { ...checkpoint, files: [...renamed.values()], tensors: new Map(tensors) };
}

/** The part that is left out, by the part that names begin with instead: "transformer" by "h", "wte", "wpe" and "ln_f". */
function bodiesOf({ tensors }: Checkpoint, wanted: Iterable<string>): ReadonlyMap<string, string> {
  const begins = new Set([...tensors.keys()].map(firstPart));
  const bodies = new Map<string, string>();
  for (const name of wanted) {
    const body = firstPart(name);
    const rest = name.slice(body.length + 1);
    if (rest.includes(".") && !begins.has(body) && tensors.has(rest)) bodies.set(firstPart(rest), body);
  }
  return bodies;
}

function firstPart(name: string): string {
  return name.split(".", 1)[0] ?? name;
}
