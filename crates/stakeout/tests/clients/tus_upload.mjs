// Uploads a file with tus-js-client and goes on by itself where the connection or the server breaks.
//   node tus_upload.mjs WEB FILE ENDPOINT
// Says "sent N" after each piece, then "done URL"; with a fourth argument it ends the upload after the first piece.

import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const [web, file, endpoint, end] = process.argv.slice(2);
const { Upload } = createRequire(`${web}/`)("tus-js-client");

const upload = new Upload(createReadStream(file), {
  endpoint,
  uploadSize: statSync(file).size,
  chunkSize: 64 * 1024,
  metadata: { filename: "after.tif", filetype: "image/tiff" },
  retryDelays: [100, 500, 1000, 2000, 4000, 8000],
  onChunkComplete: (_, sent) => {
    console.log(`sent ${sent}`);
    if (end) void upload.abort(true).then(() => console.log(`ended ${upload.url}`));
  },
  onSuccess: () => console.log(`done ${upload.url}`),
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
});
upload.start();
