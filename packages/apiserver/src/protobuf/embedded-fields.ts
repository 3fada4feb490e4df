/**
 * Where protobuf and JSON part: fields whose protobuf number the schema does not carry, because the message nests them in
 * an embedded struct, or names them otherwise. Type → number → JSON name, or the embedded struct's own numbers.
 * Generated from the field numbers of Kubernetes 1.32.
 */
export interface Embedded {
  readonly [number: string]: string | Embedded;
}

export const EMBEDDED: Readonly<Record<string, Embedded>> = {
  'admissionregistration.v1alpha1.NamedRuleWithOperations': {
    '2': {
      '1': 'operations',
      '2': {
        '1': 'apiGroups',
        '2': 'apiVersions',
        '3': 'resources',
        '4': 'scope',
      },
    },
  },
  'admissionregistration.v1alpha1.Variable': {
    '1': 'name',
    '2': 'expression',
  },
  'admissionregistration.v1beta1.NamedRuleWithOperations': {
    '2': {
      '1': 'operations',
      '2': {
        '1': 'apiGroups',
        '2': 'apiVersions',
        '3': 'resources',
        '4': 'scope',
      },
    },
  },
  'admissionregistration.v1beta1.Validation': {
    '1': 'expression',
  },
  'admissionregistration.v1beta1.Variable': {
    '1': 'name',
    '2': 'expression',
  },
  'resource.v1alpha3.DeviceAllocationConfiguration': {
    '3': {
      '1': 'opaque',
    },
  },
  'resource.v1alpha3.DeviceClaimConfiguration': {
    '2': {
      '1': 'opaque',
    },
  },
  'resource.v1alpha3.DeviceClassConfiguration': {
    '1': {
      '1': 'opaque',
    },
  },
  'resource.v1beta1.DeviceAllocationConfiguration': {
    '3': {
      '1': 'opaque',
    },
  },
  'resource.v1beta1.DeviceClaimConfiguration': {
    '2': {
      '1': 'opaque',
    },
  },
  'resource.v1beta1.DeviceClassConfiguration': {
    '1': {
      '1': 'opaque',
    },
  },
  'admissionregistration.v1.MutatingWebhookConfiguration': {
    '2': 'webhooks',
  },
  'admissionregistration.v1.NamedRuleWithOperations': {
    '2': {
      '1': 'operations',
      '2': {
        '1': 'apiGroups',
        '2': 'apiVersions',
        '3': 'resources',
        '4': 'scope',
      },
    },
  },
  'admissionregistration.v1.RuleWithOperations': {
    '2': {
      '1': 'apiGroups',
      '2': 'apiVersions',
      '3': 'resources',
      '4': 'scope',
    },
  },
  'admissionregistration.v1.ValidatingWebhookConfiguration': {
    '2': 'webhooks',
  },
  'admissionregistration.v1.Validation': {
    '1': 'expression',
  },
  'admissionregistration.v1.Variable': {
    '1': 'name',
    '2': 'expression',
  },
  'apiextensions.v1.JSONSchemaProps': {
    '2': '$schema',
    '3': '$ref',
    '38': 'x-kubernetes-preserve-unknown-fields',
    '39': 'x-kubernetes-embedded-resource',
    '40': 'x-kubernetes-int-or-string',
    '41': 'x-kubernetes-list-map-keys',
    '42': 'x-kubernetes-list-type',
    '43': 'x-kubernetes-map-type',
    '44': 'x-kubernetes-validations',
  },
  'authentication.v1.BoundObjectReference': {
    '4': 'uid',
  },
  'core.v1.ConfigMapEnvSource': {
    '1': {
      '1': 'name',
    },
  },
  'core.v1.ConfigMapKeySelector': {
    '1': {
      '1': 'name',
    },
  },
  'core.v1.ConfigMapProjection': {
    '1': {
      '1': 'name',
    },
  },
  'core.v1.ConfigMapVolumeSource': {
    '1': {
      '1': 'name',
    },
  },
  'core.v1.EphemeralContainer': {
    '1': {
      '1': 'name',
      '10': 'livenessProbe',
      '11': 'readinessProbe',
      '12': 'lifecycle',
      '13': 'terminationMessagePath',
      '14': 'imagePullPolicy',
      '15': 'securityContext',
      '16': 'stdin',
      '17': 'stdinOnce',
      '18': 'tty',
      '19': 'envFrom',
      '2': 'image',
      '20': 'terminationMessagePolicy',
      '21': 'volumeDevices',
      '22': 'startupProbe',
      '23': 'resizePolicy',
      '24': 'restartPolicy',
      '3': 'command',
      '4': 'args',
      '5': 'workingDir',
      '6': 'ports',
      '7': 'env',
      '8': 'resources',
      '9': 'volumeMounts',
    },
  },
  'core.v1.PersistentVolumeSpec': {
    '2': {
      '1': 'gcePersistentDisk',
      '10': 'fc',
      '11': 'flocker',
      '12': 'flexVolume',
      '13': 'azureFile',
      '14': 'vsphereVolume',
      '15': 'quobyte',
      '16': 'azureDisk',
      '17': 'photonPersistentDisk',
      '18': 'portworxVolume',
      '19': 'scaleIO',
      '2': 'awsElasticBlockStore',
      '20': 'local',
      '21': 'storageos',
      '22': 'csi',
      '3': 'hostPath',
      '4': 'glusterfs',
      '5': 'nfs',
      '6': 'rbd',
      '7': 'iscsi',
      '8': 'cinder',
      '9': 'cephfs',
    },
  },
  'core.v1.Probe': {
    '1': {
      '1': 'exec',
      '2': 'httpGet',
      '3': 'tcpSocket',
      '4': 'grpc',
    },
  },
  'core.v1.SecretEnvSource': {
    '1': {
      '1': 'name',
    },
  },
  'core.v1.SecretKeySelector': {
    '1': {
      '1': 'name',
    },
  },
  'core.v1.SecretProjection': {
    '1': {
      '1': 'name',
    },
  },
  'core.v1.Volume': {
    '2': {
      '1': 'hostPath',
      '10': 'persistentVolumeClaim',
      '11': 'rbd',
      '12': 'flexVolume',
      '13': 'cinder',
      '14': 'cephfs',
      '15': 'flocker',
      '16': 'downwardAPI',
      '17': 'fc',
      '18': 'azureFile',
      '19': 'configMap',
      '2': 'emptyDir',
      '20': 'vsphereVolume',
      '21': 'quobyte',
      '22': 'azureDisk',
      '23': 'photonPersistentDisk',
      '24': 'portworxVolume',
      '25': 'scaleIO',
      '26': 'projected',
      '27': 'storageos',
      '28': 'csi',
      '29': 'ephemeral',
      '3': 'gcePersistentDisk',
      '30': 'image',
      '4': 'awsElasticBlockStore',
      '5': 'gitRepo',
      '6': 'secret',
      '7': 'nfs',
      '8': 'iscsi',
      '9': 'glusterfs',
    },
  },
  'networking.v1.IngressClassParametersReference': {
    '1': 'apiGroup',
  },
  'networking.v1.IngressRule': {
    '2': {
      '1': 'http',
    },
  },
};
