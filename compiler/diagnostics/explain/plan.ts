// Explanations of the codes FTL05xx: plans and memory.

/** The long explanation of each code: what it means, why it is so, what to do. */
export const plan: Readonly<Record<string, string>> = {
  FTL0501: `The job cannot be laid out on this device at all: a tensor is larger than the device can bind at once, or than its largest buffer. A
device with larger limits, fewer positions or rows, or a smaller model helps.`,
  FTL0502: `The plan needs more memory than the recipe's \`memory\`, \`--memory\` or the device allows. What is counted is everything that will be
allocated, exactly. Marked are the lines whose tensors fill the memory when it is fullest. Each help was found by planning the changed
recipe: with it the plan fits. \`ftlc compile --fix\` writes the first into the file, \`--fix=2\` the second; \`accumulation\` and \`checkpoint\` change
memory and time only, the others what is learned or how exactly.`,
};
