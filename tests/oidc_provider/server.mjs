// The npm package oidc-provider with its defaults, and with the clients and accounts of a JSON file.
//
//   node server.mjs PACKAGE_FOLDER CONFIGURATION
//
// CONFIGURATION: {"clients": [...], "accounts": {login: claims}, "configuration": {...}}. The last are
// settings of oidc-provider, for what a test wants different from its defaults. Prints its issuer, in a line,
// once it listens, on a port that the system chose.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [packageFolder, file] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(join(packageFolder, "lib", "index.js")));
const { clients, accounts, configuration } = JSON.parse(readFileSync(file, "utf8"));

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients,
    // Which claims come with which scope has to be said: the default knows of none but `sub`.
    // Standard: OpenID Connect Core 1.0, 5.4
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
    // Any login may sign in, as at the default; one that is not listed has no claims.
    findAccount: (_, login) => ({
      accountId: login,
      claims: () => ({ sub: login, ...accounts[login] }),
    }),
    ...configuration,
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
