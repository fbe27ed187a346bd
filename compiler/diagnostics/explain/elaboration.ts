// Explanations of the codes FTL07xx: what goes wrong when definitions are run with a model's config.

/** The long explanation of each code: what it means, why it is so, what to do. */
export const elaboration: Readonly<Record<string, string>> = {
  FTL0701: `An operation was given tensors that it cannot work on. The message says which rule they break.`,
  FTL0702: `A definition uses more different scalars of the step than the host's table has room for (64). Scalars of the step are expressions over
the step's number and the run's length, such as \`1 - betas[0] ^ s\`; equal ones share a place.`,
  FTL0703: `A value is of another kind than the one needed: a tensor, a number known at compile time, a list, a range.`,
  FTL0704: `Two tensors are combined element by element, or multiplied, and their sizes do not fit. Shapes are aligned at their last axes; an axis
of one repeats. The message shows where each size was said.`,
  FTL0705: `A matrix product and a transpose need at least two axes.`,
  FTL0706: `A value does not come apart into as many names as are given: \`let (a, b) = e\` needs two values.`,
  FTL0707: `Assignments change the weight or a state of the definition they stand in; there is none of this name. A module's states keep what
later calls need of the same rows, so they change where rows come in pieces: where \`past()\` is not none, and outside of \`chunks\` and
\`iterate\`, which work on parts of rows.`,
  FTL0708: `Conditions of \`if\` are decided when the recipe is compiled, from the config and from sizes. To choose between values of tensors, use
\`select(condition, a, b)\`.`,
  FTL0709: `Words side by side and values with options are written in recipes, not in definitions.`,
  FTL0710: `Only functions, modules and layers can be called.`,
  FTL0711: `A call does not fit the parameters of what it calls: one is missing, unknown, or there are too many.`,
  FTL0712: `The value has no such field. A config has any field, which is none where the file does not say it; a module has its weights and methods.`,
  FTL0713: `A reshape keeps the number of elements. The message shows where the sizes came from.`,
  FTL0714: `An index lies outside its axis, or is of a kind that does not index. Numbers take one slice, ranges a part, \`..\` stands for all axes
that nothing else speaks of.`,
  FTL0715: `A tensor does not have the shape that the definition declares for it. Names in a declared shape are bound where they first appear and
must agree wherever they appear again.`,
  FTL0716: `\`over\` names an axis by the size it was declared with, or by its number (-1 is the last). The tensor has no such axis, or has it twice.`,
  FTL0717: `A table is computed when the recipe is compiled, so it cannot read weights or inputs.`,
  FTL0718: `A module is declared with as many sizes as its definition names: \`linear query [in -> out]\`.`,
  FTL0719: `A definition lacks a part that its kind needs: forward of a layer or an adapter, update of an optimizer, factor of a schedule, loss of
a task, a first value of what an adapter trains.`,
  FTL0721: `The definition refuses this config: it says something that would change the numbers and that is not supported. The places
are those that say what the condition reads: fields of config.json, the recipe's length; or the condition itself where nothing says it.`,
  FTL0727: `The definition has no word for something that this config asks for and that changes the numbers a little, such as the dropout a model
was pretrained with. It is left out; the run goes on.`,
  FTL0722: `The config chooses something that the definition has no case for. The message lists the cases there are.`,
  FTL0723: `A selection of the adapter's \`on\` means no part of this model. Roles such as attention and mlp, \`all_linear\`, and names of modules such as
q_proj can be selected.`,
  FTL0724: `The model's folder has no readable config.json. Paths are taken from the recipe's own file.`,
  FTL0725: `A file that is compiled holds exactly one recipe, beside any number of imports and definitions.`,
  FTL0726: `\`weight W [out, in] { stored: [in, out] }\` says that the checkpoint has the axes of a weight in another order than the definition and
adapters see them. It lists the declared sizes, each once; a size that stands twice in a shape cannot be told apart.`,
  FTL0730: `A \`group\` of the optimizer selects parameters by patterns of their names, in which \`*\` stands for any characters, and this
pattern matches none of those that train. Frozen weights are not selected. The message names a parameter that trains.`,
  FTL0731: `An optimizer declared \`during backward\` changes each layer's parameters as soon as their gradients are made, so that no more than one
layer's gradients exist. What needs all gradients of a step before the first change cannot be combined with it: clipping by their common
norm, accumulation over several micro-batches, skipping a step whose loss scale overflowed,
and methods that estimate gradients.`,
  FTL0733: `The methods of a task name what they take of a micro-batch: ids, positions, segments, and one of targets (the word after each
position), labels (the word at each position) and classes (the class of each row), which the loss learns. A task that learns classes
says how many there are in \`labels\`; one that learns words at their positions may say in \`masking\` how the host hides them.`,
  FTL0734: `A pattern of \`model.train\` selects nothing, so what it was written for would not train. Patterns are names of parameters as the
checkpoint has them, or parts of these between dots; \`*\` stands for any characters: "*.bias", "model.layers.1", "score". Parameters
that the recipe's head does not compute with, such as lm_head under \`head classify\`, cannot train.`,
  FTL0735: `A tensor declared with \`{ shared: true }\` is one for all parts that the adapter is on, so its shape must be the same in all of
them. Shapes made of the model's own sizes are.`,
  FTL0740: `A method's step(loss, s) measures at least one loss; its value gives each tensor a gradient. Where it gives a pair (gradient, moves)
for single weights, the optimizer's states are one number a weight. A step with loss(along: …) measures no other loss.`,
  FTL0741: `A format declares the tensors that it holds another one in, with the type of their elements after \`as\`:
\`tensor codes [count / 8] as u32\`. Codes of few bits lie together in words.`,
  FTL0742: `A format's encode(x) gives each of its tensors a value of the declared shape, and decode() gives the tensor back in its own shape.
What is all zero is held in zeros, and zeros stand for zeros: states of optimizers begin so.`,
  FTL0746: `\`ftlc generate\` writes a text word by word, which takes a head that learns the word after each position, as \`causal\` does. One that
learns classes or hidden words has no next word to give.`,
  FTL0747: `\`ftlc export --to merged\` writes a model whose weights have the adapter in them. An adapter that can be put there says how in a
method \`merge\`, whose parameters name weights of the part that it is on: \`merge(W) { W + scale * (B @ A) }\`. What adds rows to a text,
keys to attention or layers to the model has no such weights: export it with \`--to peft\`.`,
  FTL0743: `A scaled loss keeps the gradients that backpropagation makes of it from vanishing in 16 bits. A method that estimates gradients,
or measures how the loss grows along a direction, makes none of it.`,
  FTL0736: `\`train B [out, rank] = 0 { rate: ratio }\` gives a tensor so many times the rate that the recipe gives the optimizer. An
optimizer whose steps have a size of their own, and that the recipe gives no \`rate\`, has nothing to multiply.`,
  FTL0745: `An adapter such as dylora trains a range of ranks and draws one in each step. Modules with a range of their own (\`group\`) begin
with the same rank and end at the adapter's last or before, for all of them follow one draw; lists of ranks, here and in
\`evaluation\`, name ranks of the range. A step changes a part of such a tensor only, so the optimizer must be one that treats every element
by itself.`,
  FTL0748: `An adapter that puts positions in front of every row, such as prompts, has to put them in front of every document where rows are
packed. Its method packed(x, positions, segments) says how: every document begins with free positions, as many as \`front\` gives, which
count from 0. One adapter of a recipe can have them. Write \`pack: false\`, or leave it out.`,
  FTL0913: `Dropout is not built yet where the model works on parts of all rows at once, as its head does in the loss: a mask hangs on the
row that an element is of. Adapt the head by an adapter of its own, with \`dropout: 0\`.`,
};
