import { isNotFound, type Secret, type ServiceAccount } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { annotationsOf, keyOf, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { ACCOUNT_NAME, ACCOUNT_UID, base64, decideToken } from './decide.ts';
import type { TokenSigner } from './jwt.ts';

export interface TokenOptions {
  signer: TokenSigner;
  rootCa: string | undefined;
}

/** Fills Secrets that ask for a service account's token, and removes them with their account. */
export function tokenController(deps: ControllerDeps, options: TokenOptions): Controller {
  const { tokenSecrets, serviceAccounts } = deps.informers;
  const secrets = deps.api.resource<Secret>('v1', 'secrets');
  const accounts = deps.api.resource<ServiceAccount>('v1', 'serviceaccounts');

  const accountOf = async (secret: Secret): Promise<ServiceAccount | undefined> => {
    const name = annotationsOf(secret)[ACCOUNT_NAME];
    if (!name) return undefined;
    // Asked of the API itself: a token must neither be made nor taken away on old news.
    return accounts.get(namespaceOf(secret), name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  };

  return queueController({
    name: 'serviceaccount-token-controller',
    queueName: 'serviceaccount_tokens_secret',
    deps,
    needs: [tokenSecrets, serviceAccounts],
    subscribe: (queue) => [
      tokenSecrets.on({
        add: (secret) => queue.add(keyOf(secret)),
        update: (_old, secret) => queue.add(keyOf(secret)),
      }),
      serviceAccounts.on({
        delete: (account) => {
          for (const secret of tokenSecrets.list()) {
            const isItsOwn = annotationsOf(secret)[ACCOUNT_NAME] === nameOf(account);
            if (isItsOwn && namespaceOf(secret) === namespaceOf(account)) queue.add(keyOf(secret));
          }
        },
      }),
    ],
    async reconcile(key) {
      const secret = tokenSecrets.get(key);
      if (!secret) return;
      const account = await accountOf(secret);
      const verdict = decideToken(secret, account, options.rootCa);
      if (verdict.type === 'delete') await remove(deps, secret);
      if (verdict.type === 'fill' && account) {
        await secrets.update(filled(secret, account, options, verdict.needsToken));
      }
    },
  });
}

function filled(
  secret: Secret,
  account: ServiceAccount,
  options: TokenOptions,
  needsToken: boolean,
): Secret {
  const namespace = namespaceOf(secret);
  const data: Record<string, string> = { ...secret.data, namespace: base64(namespace) };
  if (options.rootCa !== undefined) data['ca.crt'] = base64(options.rootCa);
  if (needsToken) {
    const token = options.signer.sign({
      namespace,
      secretName: nameOf(secret),
      accountName: nameOf(account),
      accountUid: uidOf(account),
    });
    data.token = base64(token);
  }
  const annotations = { ...annotationsOf(secret), [ACCOUNT_UID]: uidOf(account) };
  return { ...secret, metadata: { ...secret.metadata, annotations }, data };
}

async function remove(deps: ControllerDeps, secret: Secret): Promise<void> {
  const secrets = deps.api.resource<Secret>('v1', 'secrets');
  try {
    const { uid, resourceVersion } = secret.metadata;
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    await secrets.delete(namespaceOf(secret), nameOf(secret), { preconditions });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
