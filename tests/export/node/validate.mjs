// Usage: node validate.mjs FILE.glb ...   Prints one JSON object: file -> {errors, warnings, infos, messages}.
import { readFile } from "node:fs/promises";
import validator from "gltf-validator";

const report = {};
for (const path of process.argv.slice(2)) {
  const { issues } = await validator.validateBytes(new Uint8Array(await readFile(path)));
  report[path] = {
    errors: issues.numErrors, warnings: issues.numWarnings, infos: issues.numInfos,
    messages: issues.messages.map((m) => `${m.code} ${m.pointer ?? ""} ${m.message}`),
  };
}
console.log(JSON.stringify(report));
