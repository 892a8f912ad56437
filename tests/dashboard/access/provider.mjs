// A certified OpenID provider where people sign in under any name; their groups are
// the words of the name after a dot: node provider.mjs MODULES PORT REDIRECT_URI
const [modules, port, back] = process.argv.slice(2);
const { default: Provider } = await import(
  `file://${modules}/node_modules/oidc-provider/lib/index.js`
);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { client_id: 'pocnet', client_secret: 'p0cnet', redirect_uris: [back] },
  ],
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      preferred_username: id.split('.')[0],
      groups: id.split('.').slice(1),
    }),
  }),
});
provider.listen(Number(port), '127.0.0.1');
