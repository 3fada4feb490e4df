const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** What a kubeconfig needs; PEM texts. */
export interface KubeconfigInput {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A kubeconfig with everything inside, so it can be copied to another machine. JSON is valid YAML; this stays readable. */
export function kubeconfigText(input: KubeconfigInput): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: kubets
  cluster:
    server: ${input.server}
    certificate-authority-data: ${base64(input.ca)}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: ${base64(input.cert)}
    client-key-data: ${base64(input.key)}
contexts:
- name: kubets
  context:
    cluster: kubets
    user: kubernetes-admin
current-context: kubets
`;
}
