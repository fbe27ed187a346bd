// The device profile that `--device` names. Comes in: a built-in name, or the path of a JSON file such as `ftlc devices --save` writes.
// Goes out: a profile, or a Failure that names the file and the field.
import { builtinProfiles } from "../../compiler/profile/named.ts";
import { isProfilePath, readProfile } from "../../compiler/profile/read.ts";
import type { DeviceProfile } from "../../compiler/plan/plan.ts";
import { exitCodes, Failure } from "./exit.ts";
import { readText } from "./files.ts";

export function findProfile(device: string): DeviceProfile {
  const builtin = builtinProfiles.get(device);
  if (builtin !== undefined) return builtin;
  if (!isProfilePath(device))
    throw new Failure(`there is no device profile '${device}'`, exitCodes.usage, [
      `there are ${[...builtinProfiles.keys()].join(", ")}; a file is named with a / or ends in .json`,
    ]);
  const found = readProfile(readText(device));
  if ("wrong" in found) throw new Failure(`${device}: ${found.wrong}`, exitCodes.failed);
  return found;
}
