{{/* Name of what lives in the release's namespace. */}}
{{- define "windlass.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of what belongs to the whole cluster, where the same release may exist in several namespaces. */}}
{{- define "windlass.clusterName" -}}
{{- printf "%s-%s" (include "windlass.name" .) .Release.Namespace -}}
{{- end -}}

{{/* What a selector may name: it cannot be changed afterwards. */}}
{{- define "windlass.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "windlass.labels" -}}
{{ include "windlass.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "windlass.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* What Kubernetes' restricted standard asks for, of a Pod and of a container; and a root that nobody writes to. */}}
{{- define "windlass.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "windlass.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "windlass.leaseNamespace" -}}
{{- .Values.lease.namespace | default .Release.Namespace -}}
{{- end -}}

{{/* Of a policy's binding: it holds in the namespaces that Windlass works in, and nowhere else. */}}
{{- define "windlass.whereItWorks" -}}
{{- with .Values.namespaces -}}
matchResources:
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
          {{- toYaml . | nindent 10 }}
{{- end -}}
{{- end -}}
