from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHASE_UNSPECIFIED: _ClassVar[Phase]
    PHASE_PENDING: _ClassVar[Phase]
    PHASE_SCHEDULED: _ClassVar[Phase]
    PHASE_RUNNING: _ClassVar[Phase]
    PHASE_COMPLETING: _ClassVar[Phase]
    PHASE_WAITING: _ClassVar[Phase]
    PHASE_PAUSED: _ClassVar[Phase]
    PHASE_COMPLETED: _ClassVar[Phase]
    PHASE_FAILED: _ClassVar[Phase]
    PHASE_CANCELLED: _ClassVar[Phase]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_HIGH: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_LOW: _ClassVar[Priority]

class Lane(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LANE_UNSPECIFIED: _ClassVar[Lane]
    LANE_NOW: _ClassVar[Lane]
    LANE_RETURNING: _ClassVar[Lane]
    LANE_INTERACTIVE: _ClassVar[Lane]
    LANE_AUTOMATIC: _ClassVar[Lane]
    LANE_RETRY: _ClassVar[Lane]
PHASE_UNSPECIFIED: Phase
PHASE_PENDING: Phase
PHASE_SCHEDULED: Phase
PHASE_RUNNING: Phase
PHASE_COMPLETING: Phase
PHASE_WAITING: Phase
PHASE_PAUSED: Phase
PHASE_COMPLETED: Phase
PHASE_FAILED: Phase
PHASE_CANCELLED: Phase
PRIORITY_UNSPECIFIED: Priority
PRIORITY_HIGH: Priority
PRIORITY_NORMAL: Priority
PRIORITY_LOW: Priority
LANE_UNSPECIFIED: Lane
LANE_NOW: Lane
LANE_RETURNING: Lane
LANE_INTERACTIVE: Lane
LANE_AUTOMATIC: Lane
LANE_RETRY: Lane

class NewDownload(_message.Message):
    __slots__ = ("uris", "priority", "start_at", "group", "paused", "directory", "output", "connections", "checksum", "limit_rate", "headers", "user_agent", "referer", "user", "bearer", "hostkey", "range", "overwrite", "resume", "retries", "timeout", "http3", "endpoint_url", "region", "anonymous", "requester_pays", "ftp_tls", "ftp_active", "now", "follow", "recursive")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    URIS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    START_AT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    LIMIT_RATE_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    REFERER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    BEARER_FIELD_NUMBER: _ClassVar[int]
    HOSTKEY_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    HTTP3_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_URL_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_PAYS_FIELD_NUMBER: _ClassVar[int]
    FTP_TLS_FIELD_NUMBER: _ClassVar[int]
    FTP_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    uris: _containers.RepeatedScalarFieldContainer[str]
    priority: Priority
    start_at: float
    group: str
    paused: bool
    directory: str
    output: str
    connections: int
    checksum: str
    limit_rate: int
    headers: _containers.ScalarMap[str, str]
    user_agent: str
    referer: str
    user: str
    bearer: str
    hostkey: str
    range: str
    overwrite: bool
    resume: bool
    retries: int
    timeout: float
    http3: bool
    endpoint_url: str
    region: str
    anonymous: bool
    requester_pays: bool
    ftp_tls: bool
    ftp_active: bool
    now: bool
    follow: bool
    recursive: Recursion
    def __init__(self, uris: _Optional[_Iterable[str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., start_at: _Optional[float] = ..., group: _Optional[str] = ..., paused: _Optional[bool] = ..., directory: _Optional[str] = ..., output: _Optional[str] = ..., connections: _Optional[int] = ..., checksum: _Optional[str] = ..., limit_rate: _Optional[int] = ..., headers: _Optional[_Mapping[str, str]] = ..., user_agent: _Optional[str] = ..., referer: _Optional[str] = ..., user: _Optional[str] = ..., bearer: _Optional[str] = ..., hostkey: _Optional[str] = ..., range: _Optional[str] = ..., overwrite: _Optional[bool] = ..., resume: _Optional[bool] = ..., retries: _Optional[int] = ..., timeout: _Optional[float] = ..., http3: _Optional[bool] = ..., endpoint_url: _Optional[str] = ..., region: _Optional[str] = ..., anonymous: _Optional[bool] = ..., requester_pays: _Optional[bool] = ..., ftp_tls: _Optional[bool] = ..., ftp_active: _Optional[bool] = ..., now: _Optional[bool] = ..., follow: _Optional[bool] = ..., recursive: _Optional[_Union[Recursion, _Mapping]] = ...) -> None: ...

class Recursion(_message.Message):
    __slots__ = ("depth", "include", "exclude", "newer")
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    NEWER_FIELD_NUMBER: _ClassVar[int]
    depth: int
    include: _containers.RepeatedScalarFieldContainer[str]
    exclude: _containers.RepeatedScalarFieldContainer[str]
    newer: bool
    def __init__(self, depth: _Optional[int] = ..., include: _Optional[_Iterable[str]] = ..., exclude: _Optional[_Iterable[str]] = ..., newer: _Optional[bool] = ...) -> None: ...

class AddRequest(_message.Message):
    __slots__ = ("downloads",)
    DOWNLOADS_FIELD_NUMBER: _ClassVar[int]
    downloads: _containers.RepeatedCompositeFieldContainer[NewDownload]
    def __init__(self, downloads: _Optional[_Iterable[_Union[NewDownload, _Mapping]]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("phases", "directory", "group", "text", "before", "limit", "sort")
    PHASES_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    phases: _containers.RepeatedScalarFieldContainer[Phase]
    directory: str
    group: str
    text: str
    before: str
    limit: int
    sort: str
    def __init__(self, phases: _Optional[_Iterable[_Union[Phase, str]]] = ..., directory: _Optional[str] = ..., group: _Optional[str] = ..., text: _Optional[str] = ..., before: _Optional[str] = ..., limit: _Optional[int] = ..., sort: _Optional[str] = ...) -> None: ...

class OrderRequest(_message.Message):
    __slots__ = ("ids", "phases", "group", "everybody", "now")
    IDS_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    EVERYBODY_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    phases: _containers.RepeatedScalarFieldContainer[Phase]
    group: str
    everybody: bool
    now: bool
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., phases: _Optional[_Iterable[_Union[Phase, str]]] = ..., group: _Optional[str] = ..., everybody: _Optional[bool] = ..., now: _Optional[bool] = ...) -> None: ...

class EditRequest(_message.Message):
    __slots__ = ("id", "change", "cleared")
    ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    id: str
    change: Change
    cleared: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., cleared: _Optional[_Iterable[str]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("uris", "priority", "start_at", "group", "directory", "output", "connections", "checksum", "limit_rate", "headers", "user_agent", "referer", "user", "bearer", "hostkey", "range", "overwrite", "resume", "retries", "timeout", "http3", "endpoint_url", "region", "anonymous", "requester_pays", "ftp_tls", "ftp_active", "follow", "recursive", "mirrors")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    URIS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    START_AT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    LIMIT_RATE_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    REFERER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    BEARER_FIELD_NUMBER: _ClassVar[int]
    HOSTKEY_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    HTTP3_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_URL_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_PAYS_FIELD_NUMBER: _ClassVar[int]
    FTP_TLS_FIELD_NUMBER: _ClassVar[int]
    FTP_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    MIRRORS_FIELD_NUMBER: _ClassVar[int]
    uris: _containers.RepeatedScalarFieldContainer[str]
    priority: Priority
    start_at: float
    group: str
    directory: str
    output: str
    connections: int
    checksum: str
    limit_rate: int
    headers: _containers.ScalarMap[str, str]
    user_agent: str
    referer: str
    user: str
    bearer: str
    hostkey: str
    range: str
    overwrite: bool
    resume: bool
    retries: int
    timeout: float
    http3: bool
    endpoint_url: str
    region: str
    anonymous: bool
    requester_pays: bool
    ftp_tls: bool
    ftp_active: bool
    follow: bool
    recursive: Recursion
    mirrors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, uris: _Optional[_Iterable[str]] = ..., priority: _Optional[_Union[Priority, str]] = ..., start_at: _Optional[float] = ..., group: _Optional[str] = ..., directory: _Optional[str] = ..., output: _Optional[str] = ..., connections: _Optional[int] = ..., checksum: _Optional[str] = ..., limit_rate: _Optional[int] = ..., headers: _Optional[_Mapping[str, str]] = ..., user_agent: _Optional[str] = ..., referer: _Optional[str] = ..., user: _Optional[str] = ..., bearer: _Optional[str] = ..., hostkey: _Optional[str] = ..., range: _Optional[str] = ..., overwrite: _Optional[bool] = ..., resume: _Optional[bool] = ..., retries: _Optional[int] = ..., timeout: _Optional[float] = ..., http3: _Optional[bool] = ..., endpoint_url: _Optional[str] = ..., region: _Optional[str] = ..., anonymous: _Optional[bool] = ..., requester_pays: _Optional[bool] = ..., ftp_tls: _Optional[bool] = ..., ftp_active: _Optional[bool] = ..., follow: _Optional[bool] = ..., recursive: _Optional[_Union[Recursion, _Mapping]] = ..., mirrors: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveRequest(_message.Message):
    __slots__ = ("ids", "phases", "group", "everybody", "delete_files")
    IDS_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    EVERYBODY_FIELD_NUMBER: _ClassVar[int]
    DELETE_FILES_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    phases: _containers.RepeatedScalarFieldContainer[Phase]
    group: str
    everybody: bool
    delete_files: bool
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., phases: _Optional[_Iterable[_Union[Phase, str]]] = ..., group: _Optional[str] = ..., everybody: _Optional[bool] = ..., delete_files: _Optional[bool] = ...) -> None: ...

class ProgressRequest(_message.Message):
    __slots__ = ("ids", "group")
    IDS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    group: str
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., group: _Optional[str] = ...) -> None: ...

class EventsRequest(_message.Message):
    __slots__ = ("since", "ids", "group")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    since: int
    ids: _containers.RepeatedScalarFieldContainer[str]
    group: str
    def __init__(self, since: _Optional[int] = ..., ids: _Optional[_Iterable[str]] = ..., group: _Optional[str] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("number", "add", "get", "list", "pause", "resume", "retry", "cancel", "remove", "watch", "edit")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    number: int
    add: AddRequest
    get: GetRequest
    list: ListRequest
    pause: OrderRequest
    resume: OrderRequest
    retry: OrderRequest
    cancel: OrderRequest
    remove: RemoveRequest
    watch: ProgressRequest
    edit: EditRequest
    def __init__(self, number: _Optional[int] = ..., add: _Optional[_Union[AddRequest, _Mapping]] = ..., get: _Optional[_Union[GetRequest, _Mapping]] = ..., list: _Optional[_Union[ListRequest, _Mapping]] = ..., pause: _Optional[_Union[OrderRequest, _Mapping]] = ..., resume: _Optional[_Union[OrderRequest, _Mapping]] = ..., retry: _Optional[_Union[OrderRequest, _Mapping]] = ..., cancel: _Optional[_Union[OrderRequest, _Mapping]] = ..., remove: _Optional[_Union[RemoveRequest, _Mapping]] = ..., watch: _Optional[_Union[ProgressRequest, _Mapping]] = ..., edit: _Optional[_Union[EditRequest, _Mapping]] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ("kind", "message")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    message: str
    def __init__(self, kind: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Download(_message.Message):
    __slots__ = ("download_id", "status", "phase", "uri", "uris", "name", "size", "downloaded", "speed", "priority", "lane", "group", "due", "attempts", "directory", "path", "verification", "verified_by", "limit_rate", "added", "finished", "error", "position", "output")
    DOWNLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    URIS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DOWNLOADED_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_BY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_RATE_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    download_id: str
    status: str
    phase: Phase
    uri: str
    uris: _containers.RepeatedScalarFieldContainer[str]
    name: str
    size: int
    downloaded: int
    speed: float
    priority: Priority
    lane: Lane
    group: str
    due: float
    attempts: int
    directory: str
    path: str
    verification: str
    verified_by: str
    limit_rate: int
    added: float
    finished: float
    error: Fault
    position: float
    output: str
    def __init__(self, download_id: _Optional[str] = ..., status: _Optional[str] = ..., phase: _Optional[_Union[Phase, str]] = ..., uri: _Optional[str] = ..., uris: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ..., size: _Optional[int] = ..., downloaded: _Optional[int] = ..., speed: _Optional[float] = ..., priority: _Optional[_Union[Priority, str]] = ..., lane: _Optional[_Union[Lane, str]] = ..., group: _Optional[str] = ..., due: _Optional[float] = ..., attempts: _Optional[int] = ..., directory: _Optional[str] = ..., path: _Optional[str] = ..., verification: _Optional[str] = ..., verified_by: _Optional[str] = ..., limit_rate: _Optional[int] = ..., added: _Optional[float] = ..., finished: _Optional[float] = ..., error: _Optional[_Union[Fault, _Mapping]] = ..., position: _Optional[float] = ..., output: _Optional[str] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("start", "stop")
    START_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    start: int
    stop: int
    def __init__(self, start: _Optional[int] = ..., stop: _Optional[int] = ...) -> None: ...

class Added(_message.Message):
    __slots__ = ("download_id", "known")
    DOWNLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    download_id: str
    known: bool
    def __init__(self, download_id: _Optional[str] = ..., known: _Optional[bool] = ...) -> None: ...

class AddReply(_message.Message):
    __slots__ = ("added",)
    ADDED_FIELD_NUMBER: _ClassVar[int]
    added: _containers.RepeatedCompositeFieldContainer[Added]
    def __init__(self, added: _Optional[_Iterable[_Union[Added, _Mapping]]] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("downloaded", "size", "done", "ranged", "etag", "last_modified", "mirrors")
    DOWNLOADED_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    RANGED_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    LAST_MODIFIED_FIELD_NUMBER: _ClassVar[int]
    MIRRORS_FIELD_NUMBER: _ClassVar[int]
    downloaded: int
    size: int
    done: _containers.RepeatedCompositeFieldContainer[Span]
    ranged: bool
    etag: str
    last_modified: str
    mirrors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, downloaded: _Optional[int] = ..., size: _Optional[int] = ..., done: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., ranged: _Optional[bool] = ..., etag: _Optional[str] = ..., last_modified: _Optional[str] = ..., mirrors: _Optional[_Iterable[str]] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("seq", "at", "from_phase", "to_phase", "cause", "detail")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    FROM_PHASE_FIELD_NUMBER: _ClassVar[int]
    TO_PHASE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    seq: int
    at: float
    from_phase: Phase
    to_phase: Phase
    cause: str
    detail: str
    def __init__(self, seq: _Optional[int] = ..., at: _Optional[float] = ..., from_phase: _Optional[_Union[Phase, str]] = ..., to_phase: _Optional[_Union[Phase, str]] = ..., cause: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Story(_message.Message):
    __slots__ = ("download", "checkpoint", "transitions")
    DOWNLOAD_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    download: Download
    checkpoint: Checkpoint
    transitions: _containers.RepeatedCompositeFieldContainer[Transition]
    def __init__(self, download: _Optional[_Union[Download, _Mapping]] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., transitions: _Optional[_Iterable[_Union[Transition, _Mapping]]] = ...) -> None: ...

class Page(_message.Message):
    __slots__ = ("downloads", "next")
    DOWNLOADS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    downloads: _containers.RepeatedCompositeFieldContainer[Download]
    next: str
    def __init__(self, downloads: _Optional[_Iterable[_Union[Download, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class Ordered(_message.Message):
    __slots__ = ("download", "transition", "refusal")
    DOWNLOAD_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    download: Download
    transition: Transition
    refusal: str
    def __init__(self, download: _Optional[_Union[Download, _Mapping]] = ..., transition: _Optional[_Union[Transition, _Mapping]] = ..., refusal: _Optional[str] = ...) -> None: ...

class OrderReply(_message.Message):
    __slots__ = ("ordered", "left_out")
    ORDERED_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    ordered: _containers.RepeatedCompositeFieldContainer[Ordered]
    left_out: int
    def __init__(self, ordered: _Optional[_Iterable[_Union[Ordered, _Mapping]]] = ..., left_out: _Optional[int] = ...) -> None: ...

class Connection(_message.Message):
    __slots__ = ("number", "start", "stop", "position", "speed")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    number: int
    start: int
    stop: int
    position: int
    speed: float
    def __init__(self, number: _Optional[int] = ..., start: _Optional[int] = ..., stop: _Optional[int] = ..., position: _Optional[int] = ..., speed: _Optional[float] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("download_id", "downloaded", "total", "instantaneous_speed", "smoothed_speed", "eta_secs", "connections", "done", "limited", "note")
    DOWNLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    DOWNLOADED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    INSTANTANEOUS_SPEED_FIELD_NUMBER: _ClassVar[int]
    SMOOTHED_SPEED_FIELD_NUMBER: _ClassVar[int]
    ETA_SECS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    LIMITED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    download_id: str
    downloaded: int
    total: int
    instantaneous_speed: float
    smoothed_speed: float
    eta_secs: float
    connections: _containers.RepeatedCompositeFieldContainer[Connection]
    done: _containers.RepeatedCompositeFieldContainer[Span]
    limited: str
    note: str
    def __init__(self, download_id: _Optional[str] = ..., downloaded: _Optional[int] = ..., total: _Optional[int] = ..., instantaneous_speed: _Optional[float] = ..., smoothed_speed: _Optional[float] = ..., eta_secs: _Optional[float] = ..., connections: _Optional[_Iterable[_Union[Connection, _Mapping]]] = ..., done: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., limited: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class DownloadChanged(_message.Message):
    __slots__ = ("download_id", "download")
    DOWNLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_FIELD_NUMBER: _ClassVar[int]
    download_id: str
    download: Download
    def __init__(self, download_id: _Optional[str] = ..., download: _Optional[_Union[Download, _Mapping]] = ...) -> None: ...

class StatusChanged(_message.Message):
    __slots__ = ("seq", "at", "download_id", "from_phase", "to_phase", "cause", "detail", "error", "download")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_PHASE_FIELD_NUMBER: _ClassVar[int]
    TO_PHASE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_FIELD_NUMBER: _ClassVar[int]
    seq: int
    at: float
    download_id: str
    from_phase: Phase
    to_phase: Phase
    cause: str
    detail: str
    error: Fault
    download: Download
    def __init__(self, seq: _Optional[int] = ..., at: _Optional[float] = ..., download_id: _Optional[str] = ..., from_phase: _Optional[_Union[Phase, str]] = ..., to_phase: _Optional[_Union[Phase, str]] = ..., cause: _Optional[str] = ..., detail: _Optional[str] = ..., error: _Optional[_Union[Fault, _Mapping]] = ..., download: _Optional[_Union[Download, _Mapping]] = ...) -> None: ...

class ConnectionClosed(_message.Message):
    __slots__ = ("download_id", "number", "host", "bytes", "seconds", "error")
    DOWNLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    download_id: str
    number: int
    host: str
    bytes: int
    seconds: float
    error: str
    def __init__(self, download_id: _Optional[str] = ..., number: _Optional[int] = ..., host: _Optional[str] = ..., bytes: _Optional[int] = ..., seconds: _Optional[float] = ..., error: _Optional[str] = ...) -> None: ...

class Metrics(_message.Message):
    __slots__ = ("active", "queued", "avg_speed", "per_protocol")
    class PerProtocolEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    AVG_SPEED_FIELD_NUMBER: _ClassVar[int]
    PER_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    active: int
    queued: int
    avg_speed: float
    per_protocol: _containers.ScalarMap[str, float]
    def __init__(self, active: _Optional[int] = ..., queued: _Optional[int] = ..., avg_speed: _Optional[float] = ..., per_protocol: _Optional[_Mapping[str, float]] = ...) -> None: ...

class RuntimeWarning(_message.Message):
    __slots__ = ("code", "message", "download_id")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    download_id: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., download_id: _Optional[str] = ...) -> None: ...

class Lagged(_message.Message):
    __slots__ = ("missed",)
    MISSED_FIELD_NUMBER: _ClassVar[int]
    missed: int
    def __init__(self, missed: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("download_added", "download_edited", "download_removed", "download_status_changed", "download_progress", "connection_closed", "download_metrics", "runtime_warning", "lagged")
    DOWNLOAD_ADDED_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_EDITED_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_REMOVED_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_STATUS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_CLOSED_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_METRICS_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_WARNING_FIELD_NUMBER: _ClassVar[int]
    LAGGED_FIELD_NUMBER: _ClassVar[int]
    download_added: DownloadChanged
    download_edited: DownloadChanged
    download_removed: DownloadChanged
    download_status_changed: StatusChanged
    download_progress: Progress
    connection_closed: ConnectionClosed
    download_metrics: Metrics
    runtime_warning: RuntimeWarning
    lagged: Lagged
    def __init__(self, download_added: _Optional[_Union[DownloadChanged, _Mapping]] = ..., download_edited: _Optional[_Union[DownloadChanged, _Mapping]] = ..., download_removed: _Optional[_Union[DownloadChanged, _Mapping]] = ..., download_status_changed: _Optional[_Union[StatusChanged, _Mapping]] = ..., download_progress: _Optional[_Union[Progress, _Mapping]] = ..., connection_closed: _Optional[_Union[ConnectionClosed, _Mapping]] = ..., download_metrics: _Optional[_Union[Metrics, _Mapping]] = ..., runtime_warning: _Optional[_Union[RuntimeWarning, _Mapping]] = ..., lagged: _Optional[_Union[Lagged, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "message", "kind")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    kind: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("number", "add", "get", "list", "order", "watching", "failure", "event", "edit")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    WATCHING_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    number: int
    add: AddReply
    get: Story
    list: Page
    order: OrderReply
    watching: Watching
    failure: Failure
    event: Event
    edit: Download
    def __init__(self, number: _Optional[int] = ..., add: _Optional[_Union[AddReply, _Mapping]] = ..., get: _Optional[_Union[Story, _Mapping]] = ..., list: _Optional[_Union[Page, _Mapping]] = ..., order: _Optional[_Union[OrderReply, _Mapping]] = ..., watching: _Optional[_Union[Watching, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., edit: _Optional[_Union[Download, _Mapping]] = ...) -> None: ...

class Watching(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
