// Unpacks the Chromium of @sparticuz/chromium, with the libraries and fonts that it brings, into the folder given.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const folder = resolve(process.argv[2]);
const packed = join(folder, "node_modules", "@sparticuz", "chromium", "bin");
const unpacked = (name) => brotliDecompressSync(readFileSync(join(packed, name)));

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "chromium"), unpacked("chromium.br"), { mode: 0o755 });
for (const name of ["al2023", "fonts", "swiftshader"]) {
  execFileSync("tar", ["-x", "-C", folder], { input: unpacked(`${name}.tar.br`) });
}
writeFileSync(
  join(folder, "fonts.conf"),
  `<?xml version="1.0"?><fontconfig><dir>${join(folder, "fonts")}</dir><cachedir>${join(folder, "cache")}</cachedir></fontconfig>\n`,
);
