// A certified OpenID provider with clients of our choice:
// node oidc.mjs MODULES PORT CLIENTS_AS_JSON SECONDS_A_TOKEN_LIVES
const [modules, port, clients, life] = process.argv.slice(2);
const { default: Provider } = await import(
  `file://${modules}/node_modules/oidc-provider/lib/index.js`
);

const alike = {
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: JSON.parse(clients).map((client) => ({ ...alike, ...client })),
  enabledJWA: { clientAuthSigningAlgValues: ['ES384', 'RS384'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
  },
  scopes: ['lots.read', 'lots.write'],
  ttl: { ClientCredentials: Number(life) },
});
provider.listen(Number(port), '127.0.0.1');
