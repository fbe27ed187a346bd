// Explanations of the codes FTL03xx: recipes, settings and the model's config.json.

/** The long explanation of each code: what it means, why it is so, what to do. */
export const model: Readonly<Record<string, string>> = {
  FTL0301: `A recipe is made of clauses, and this is none of them: model, adapter, head, precision, data, evaluation, batch, accumulation,
checkpoint, method, optimizer, schedule, training, output, memory, device, devices, sweep, stage. Nothing unknown is ever ignored.`,
  FTL0302: `The clause, or the definition that it names, has no such option. Options are written \`name: value\`. The options of an adapter, an
optimizer and a schedule are the parameters of its definition; every optimizer also has clip, state and offload, and every
adapter on, start and offload.`,
  FTL0303: `A clause or an option is said twice. Only \`adapter\` and \`stage\` may stand several times.`,
  FTL0304: `A recipe needs model, data, batch, optimizer and training. What the others are without being said: schedule constant, precision
f32, accumulation 1, checkpoint none, output "runs/NAME", and no limit on memory but the device's.`,
  FTL0305: `An option that has no value of its own is missing. For data, \`format\` says how a row is written; a file that ends in .txt or .md
is text without saying so. What data is without being said: rows of at most 1024 positions (\`length: 1024\`), pack: false,
shuffle: true, and learn: replies for prompt and chat, learn: all for the others.`,
  FTL0306: `A value has another form than the one expected. Paths are texts in quotes; names from the library are words without quotes; \`auto\`,
\`none\` and \`all\` are words; lists are written in square brackets.`,
  FTL0307: `A number has the wrong unit, or lacks one. Sizes are B, KiB, MiB, GiB and TiB (powers of 1024; GB is not accepted, because it means
two things). Shares are written with %. Counts may end in k, M and G (thousands, millions, thousand millions). Durations are
\`100 steps\`, \`3 epochs\`, \`1M tokens\`.`,
  FTL0308: `A number lies outside what makes sense here: zero rows, half a step, a share above 100%.`,
  FTL0309: `The library, and the files that the recipe imports, have no definition of this kind and name; \`ftlc docs\` lists the library's.
To use your own, define it in a file and import that: \`import "my-adapter.ftl"\`. Training some of the model's own
parameters needs no adapter: BitFit is \`model PATH { train: ["*.bias"] }\`.`,
  FTL0310: `With no adapter the model's own parameters must train, and they are frozen unless the recipe says otherwise. Name an adapter, or write
\`model PATH { train: all }\`, or give patterns of the parameters that train: \`train: ["lm_head*"]\`.`,
  FTL0311: `\`accumulation\` splits a batch into equal micro-batches, so it must divide the number of rows. It changes memory and time only; the
batch changes what is learned, so the compiler never changes either by itself.`,
  FTL0312: `Something stands where it can have no effect: a name for a clause that cannot be named, options of precision f32, what to keep when
nothing is computed again, a file for evaluation beside a share of the data that is kept for it.`,
  FTL0313: `A setting is a path and a value: \`--set accumulation=4\`, \`--set optimizer.rate=1e-4\`, \`--set model.weights.block=32\`, or a line of
\`sweep\` or \`stage\`. The clause of a path with several parts must be in the recipe. An adapter may be called by its \`as\` name.`,
  FTL0314: `\`evaluation\` names no file, and \`data\` keeps no share for it. Write \`evaluation "held.jsonl"\`, or \`split: 5%\` in data.`,
  FTL0315: `Two adapters have the same name. Give each its own: \`adapter lora as style { … }\`.`,
  FTL0316: `What the head learns and what the rows bring differ. A head that learns classes, such as classify, needs \`format: label\`: rows with
a text (or input_ids) and a label. Heads that learn words need rows of words: text, prompt and chat bring the word after each
position; for masked words the rows are text, or tokens, whose \`labels\` are taken as they are.`,
  FTL0317: `Stages run one after the other, each with its settings put into the recipe, on the weights that the stage before leaves: on the
same model, with its adapters. The optimizer begins anew. What a stage leaves lies in OUTPUT/NAME, so each has a name of its own that
a folder can have; the log, OUTPUT/log.jsonl, names the stage in each line.`,
  FTL0318: `A row of format label has one class, which is learned of the row as a whole; so no two of them share one. Leave \`pack\` out, or write
\`pack: false\`.`,
  FTL0320: `\`device\` names what to plan for: a built-in profile, or a file, which has a / in its path or ends in .json and is taken from the recipe's
own place. \`ftlc devices --save FILE\` writes one; every field of it is checked.`,
  FTL0321: `The text is not JSON as RFC 8259 defines it, or a name stands twice in one object (which most readers hide), or values lie more
than 64 deep.`,
  FTL0322: `The library has no architecture for the model_type of this config.json. An architecture is one .ftl file: copy the closest one with
\`ftlc init --architecture NAME\`, change it, import it in the recipe and name it: \`model "…" { architecture: mine }\`.`,
  FTL0323: `A config.json names its architecture in the text field model_type.`,
  FTL0749: `The model's config.json says in quantization_config that its files hold the weights encoded. Files of bitsandbytes in 4 bits are read
where the library has the format (nf4); what was encoded otherwise has to be written as f32, f16 or bf16 first.`,
};
