// Explanations of the codes FTL05xx: plans and memory.

/** The long explanation of each code: what it means, why it is so, what to do. */
export const plan: Readonly<Record<string, string>> = {
  FTL0501: `The job cannot be laid out on this device at all: a tensor is larger than the device can bind at once, or than its largest buffer. A
device with larger limits, fewer positions or rows, or a smaller model helps.`,
};
