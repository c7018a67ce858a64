// Unpacks the Chromium that @sparticuz/chromium brings, with the libraries that go with it, into the
// folder named. It is a headless shell for Linux on x86-64; elsewhere the package is of no use.
import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

const [, , packages, folder] = process.argv;
const parts = `${packages}/@sparticuz/chromium/bin`;
mkdirSync(folder, { recursive: true });

async function unpack(part, file, mode) {
  const source = createReadStream(`${parts}/${part}.br`);
  await pipeline(source, createBrotliDecompress(), createWriteStream(`${folder}/${file}`, { mode }));
}

await unpack('chromium', 'chromium', 0o755);
await unpack('al2023.tar', 'libraries.tar', 0o644);
execFileSync('tar', ['--extract', '--file', 'libraries.tar'], { cwd: folder });
rmSync(`${folder}/libraries.tar`);
