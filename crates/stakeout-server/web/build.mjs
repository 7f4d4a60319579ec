// Bundles the page into dist/, or its tests into dist-test/.
import { build } from "esbuild";
import { cp, mkdir, readdir, rm } from "node:fs/promises";

if (process.argv[2] === "test") {
  await rm("dist-test", { recursive: true, force: true });
  const tests = (await readdir("test")).filter((name) => name.endsWith(".ts")).map((name) => `test/${name}`);
  await build({
    entryPoints: tests,
    outdir: "dist-test",
    outExtension: { ".js": ".test.mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["node:*"],
  });
} else {
  await mkdir("dist", { recursive: true });
  await build({
    entryPoints: { app: "src/main.ts" },
    outdir: "dist",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
  });
  await cp("src/index.html", "dist/index.html");
}
