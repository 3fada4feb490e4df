/** Labels and annotations on runtime objects: how a kubelet that starts again recognises what is its own. */

export const LABEL_POD_NAME = 'io.kubernetes.pod.name';
export const LABEL_POD_NAMESPACE = 'io.kubernetes.pod.namespace';
export const LABEL_POD_UID = 'io.kubernetes.pod.uid';
export const LABEL_CONTAINER = 'io.kubernetes.container.name';

export const ANNOTATION_HASH = 'io.kubernetes.container.hash';
export const ANNOTATION_RESTARTS = 'io.kubernetes.container.restartCount';
export const ANNOTATION_TERMINATION_PATH = 'io.kubernetes.container.terminationMessagePath';
export const ANNOTATION_TERMINATION_POLICY = 'io.kubernetes.container.terminationMessagePolicy';
/** The image as the pod names it; runtimes answer with a digest otherwise. */
export const ANNOTATION_IMAGE = 'kubets.io/container.image';
