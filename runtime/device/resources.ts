// The one place where whatever a device keeps for a plan is made, and counted. Comes in: a device. Goes out: its makers, and how much they
// have made. Holds: nothing else in runtime/ asks a device to make anything but command encoders, which are gone once submitted; after
// `seal` nothing is made any more, so that what a plan allocates stands before its first program or not at all.

/** What has been made so far. Nothing of it is given back before the end, so these only grow. */
export interface Allocated {
  /** Buffers on the device: the plan's. */
  readonly buffers: number;
  readonly bytes: number;
  /** Buffers that the host maps, through which it writes and reads, beside the plan's. */
  readonly stagingBuffers: number;
  readonly stagingBytes: number;
  readonly shaderModules: number;
  /** Layouts of bind groups and of pipelines. */
  readonly layouts: number;
  readonly pipelines: number;
  readonly bindGroups: number;
}

export interface Resources {
  readonly device: GPUDevice;
  readonly buffer: (descriptor: GPUBufferDescriptor) => GPUBuffer;
  readonly shaderModule: (descriptor: GPUShaderModuleDescriptor) => GPUShaderModule;
  readonly groupLayout: (descriptor: GPUBindGroupLayoutDescriptor) => GPUBindGroupLayout;
  readonly pipelineLayout: (descriptor: GPUPipelineLayoutDescriptor) => GPUPipelineLayout;
  readonly pipeline: (descriptor: GPUComputePipelineDescriptor) => Promise<GPUComputePipeline>;
  readonly bindGroup: (descriptor: GPUBindGroupDescriptor) => GPUBindGroup;
  readonly allocated: () => Allocated;
  /** From now on making anything throws. */
  readonly seal: () => void;
  /** Frees the buffers. */
  readonly destroy: () => void;
}

/** A plan at work asked for memory that it was not given before it began. */
export class LateAllocationError extends Error {
  override readonly name = "LateAllocationError";

  constructor(what: string, label: string | undefined) {
    super(
      `${what} ${label === undefined ? "" : `'${label}' `}was asked for after the plan had begun: all is made before`,
    );
  }
}

export function resourcesOf(device: GPUDevice): Resources {
  const made: GPUBuffer[] = [];
  const count = {
    buffers: 0,
    bytes: 0,
    stagingBuffers: 0,
    stagingBytes: 0,
    shaderModules: 0,
    layouts: 0,
    pipelines: 0,
    bindGroups: 0,
  };
  let isSealed = false;
  const admit = (what: string, { label }: GPUObjectDescriptorBase): void => {
    if (isSealed) throw new LateAllocationError(what, label);
  };
  return {
    device,
    buffer: (descriptor) => {
      admit("a buffer", descriptor);
      const buffer = device.createBuffer(descriptor);
      made.push(buffer);
      if ((descriptor.usage & (GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE)) === 0) {
        count.buffers += 1;
        count.bytes += buffer.size;
      } else {
        count.stagingBuffers += 1;
        count.stagingBytes += buffer.size;
      }
      return buffer;
    },
    shaderModule: (descriptor) => {
      admit("a shader module", descriptor);
      count.shaderModules += 1;
      return device.createShaderModule(descriptor);
    },
    groupLayout: (descriptor) => {
      admit("a layout", descriptor);
      count.layouts += 1;
      return device.createBindGroupLayout(descriptor);
    },
    pipelineLayout: (descriptor) => {
      admit("a layout", descriptor);
      count.layouts += 1;
      return device.createPipelineLayout(descriptor);
    },
    pipeline: async (descriptor) => {
      admit("a pipeline", descriptor);
      count.pipelines += 1;
      return device.createComputePipelineAsync(descriptor);
    },
    bindGroup: (descriptor) => {
      admit("a bind group", descriptor);
      count.bindGroups += 1;
      return device.createBindGroup(descriptor);
    },
    allocated: () => ({ ...count }),
    seal: () => {
      isSealed = true;
    },
    destroy: () => {
      for (const buffer of made) buffer.destroy();
    },
  };
}
