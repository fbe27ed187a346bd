// Two projects in one run: `unit` needs nothing, `device` needs an adapter (software or real) and runs one file
// at a time after `unit`, because every device test wants all cores. The reporter closes with the one line of totals.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    reporters: ["default", "./test/reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/device/**"],
          testTimeout: 30_000,
          maxWorkers: "100%",
          // From 1 on: Vitest moves a group 0 that has one worker (on one or two cores) behind all others.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "device",
          include: ["test/device/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
