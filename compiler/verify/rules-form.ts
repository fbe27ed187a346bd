// Rules about the plan's own form: everything that is named exists and numbers are what they say. The other rules rely on this
// one and are not asked before it holds.
import { memoryKinds, planFormat, type DeviceLimits, type Plan } from "../plan/plan.ts";
import { eachDispatch, elementBytes, type Rule } from "./rule.ts";

export const form: Rule = {
  name: "form",
  about:
    "every index names something, every number is whole and in range, every name is used once, every word is one of its kind",
  check(plan, report) {
    report.examine();
    const format: number = plan.format;
    if (format !== planFormat) {
      report.refuse(`the plan's format is ${format}; this verifier reads ${String(planFormat)}`);
    }
    checkNames(plan, report.refuse);
    checkDevice(plan, report.refuse);
    plan.tensors.forEach((tensor, index) => {
      report.examine();
      const { buffer, offset, size, stride, shape, aliasOf, lifetime, span } = tensor;
      const bad = (what: string): void =>
        report.refuse(`tensor '${tensor.name}' ${what}`, { tensors: [index] });
      if (plan.buffers[buffer] === undefined) bad(`lies in buffer ${buffer}, which the plan does not have`);
      if (![offset, size, stride, ...shape].every(isCount))
        bad("has an offset, size, stride or shape that is no whole number");
      if (!isType(tensor.type) || !isKind(tensor.kind))
        bad(`is of type ${tensor.type} and kind ${tensor.kind}, which are not both known`);
      if (aliasOf !== undefined) {
        const owner = plan.tensors[aliasOf];
        if (owner === undefined) bad(`shares the bytes of tensor ${aliasOf}, which the plan does not have`);
        else if (owner.aliasOf !== undefined)
          bad(`shares the bytes of '${owner.name}', which has none of its own`);
      }
      if (!hasSpan(plan, span)) bad(`comes from span ${span}, which the plan does not have`);
      if (lifetime === undefined) return;
      const program = plan.programs.find(({ name }) => name === lifetime.program);
      if (program === undefined)
        bad(`lives in a program '${lifetime.program}', which the plan does not have`);
      const count = program?.dispatches.length ?? 0;
      if (
        !isCount(lifetime.first) ||
        !isCount(lifetime.last) ||
        lifetime.first > lifetime.last ||
        lifetime.last >= count
      ) {
        bad(`lives from dispatch ${lifetime.first} to ${lifetime.last} of ${count}`);
      }
    });
    plan.buffers.forEach(({ name, size, memory }, index) => {
      report.examine();
      if (!isOneOf(memory, memories))
        report.refuse(`buffer '${name}' lies in memory that is neither the device's nor the host's`, {
          buffers: [index],
        });
      if (!isCount(size))
        report.refuse(`buffer '${name}' has a size that is no whole number`, { buffers: [index] });
    });
    plan.kernels.forEach(({ name, workgroupSize, workgroups, workgroupMemory, bindings }, index) => {
      report.examine();
      const numbers = [
        ...workgroupSize,
        ...workgroups,
        workgroupMemory,
        ...bindings.map(({ bytes }) => bytes),
      ];
      if (!plainName.test(name)) report.refuse(`'${name}' is no name for a kernel`, { kernels: [index] });
      if (!numbers.every(isCount))
        report.refuse(`kernel '${name}' has a size that is no whole number`, { kernels: [index] });
      if (!bindings.every(({ access }) => isOneOf(access, accesses)))
        report.refuse(`kernel '${name}' has a binding of an access that is none`, { kernels: [index] });
    });
    eachDispatch(plan, ({ kernel, tensors, span }, program, index) => {
      report.examine();
      const bad = (what: string): void =>
        report.refuse(`the dispatch ${what}`, { dispatches: [[program, index]] });
      const bindings = plan.kernels[kernel]?.bindings;
      if (bindings === undefined) bad(`runs kernel ${kernel}, which the plan does not have`);
      else if (bindings.length !== tensors.length)
        bad(`binds ${tensors.length} tensors to ${bindings.length} bindings`);
      for (const tensor of tensors)
        if (plan.tensors[tensor] === undefined) bad(`binds tensor ${tensor}, which the plan does not have`);
      if (!hasSpan(plan, span)) bad(`comes from span ${span}, which the plan does not have`);
    });
    plan.programs.forEach(({ name, dispatches, transfers }) => {
      for (const { host, device, before, direction } of transfers) {
        report.examine();
        const bad = (what: string): void => report.refuse(`a transfer of program '${name}' ${what}`);
        if (!isOneOf(direction, directions)) bad("goes neither up nor down");
        if (!isCount(before) || before > dispatches.length)
          bad(`is made before dispatch ${before} of ${dispatches.length}`);
        for (const tensor of [host, device])
          if (plan.tensors[tensor] === undefined) bad(`moves tensor ${tensor}, which the plan does not have`);
      }
    });
    for (const { program, each } of plan.step) {
      report.examine();
      if (!isOneOf(each, turns)) report.refuse(`a step runs '${program}' for each ${each}`);
      if (!plan.programs.some(({ name }) => name === program))
        report.refuse(`a step runs '${program}', a program that the plan does not have`);
    }
    for (const { name, parts, type, kind } of plan.variables) {
      report.examine();
      if (!isType(type) || !isKind(kind))
        report.refuse(`variable '${name}' is of type ${type} and kind ${kind}, which are not both known`);
      for (const part of parts) {
        if (plan.tensors[part] === undefined)
          report.refuse(`variable '${name}' has tensor ${part} for a part, which the plan does not have`);
      }
    }
  },
};

function checkNames(plan: Plan, refuse: (message: string) => void): void {
  const lists = {
    buffers: plan.buffers,
    tensors: plan.tensors,
    variables: plan.variables,
    kernels: plan.kernels,
    programs: plan.programs,
  };
  for (const [what, list] of Object.entries(lists)) {
    const seen = new Set<string>();
    for (const { name } of list) {
      if (seen.has(name)) refuse(`two ${what} are called '${name}'`);
      seen.add(name);
    }
  }
}

/** A limit that is no number would allow everything, since nothing is larger than it. */
function checkDevice({ device, budget, job }: Plan, refuse: (message: string) => void): void {
  for (const [name, least] of Object.entries(limits)) {
    const value: number | undefined = device.limits[name as keyof DeviceLimits];
    if (value === undefined || !isCount(value) || value < least)
      refuse(`the device's ${name} is ${value}, no whole number from ${least}`);
  }
  if (!isCount(budget)) refuse(`the budget is ${budget}, no whole number`);
  for (const name of ["batch", "accumulation", "rows", "tokens", "vocabulary"] as const)
    if (!isCount(job[name]) || job[name] === 0)
      refuse(`the job's ${name} is ${job[name]}, no whole number from 1`);
}

const limits: Readonly<Record<keyof DeviceLimits, number>> = {
  maxBufferSize: 1,
  maxStorageBufferBindingSize: 1,
  maxStorageBuffersPerShaderStage: 1,
  // Words are four bytes, and no tensor may begin inside of one.
  minStorageBufferOffsetAlignment: 4,
  maxComputeWorkgroupStorageSize: 0,
  maxComputeInvocationsPerWorkgroup: 1,
  maxComputeWorkgroupSizeX: 1,
  maxComputeWorkgroupSizeY: 1,
  maxComputeWorkgroupSizeZ: 1,
  maxComputeWorkgroupsPerDimension: 1,
};

const accesses = ["read", "read_write"];
const memories = ["device", "host"];
const directions = ["up", "down"];
const turns = ["step", "micro-batch"];

function isType(type: string): boolean {
  return Object.hasOwn(elementBytes, type);
}

function isKind(kind: string): boolean {
  return isOneOf(kind, memoryKinds);
}

function isOneOf(word: string, words: readonly string[]): boolean {
  return words.includes(word);
}

function hasSpan({ spans }: Plan, span: number | undefined): boolean {
  return span === undefined || spans[span] !== undefined;
}

/** Kernels' names become names of files. */
const plainName = /^[A-Za-z][A-Za-z0-9_]*$/;

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
