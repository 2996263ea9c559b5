"""Refusals of the image room, with upstream's status and words. `api/faults.py` gives them upstream's body."""

from unkai.kernel.errors import ApiError, BadRequest, Conflict, NotFound, ServiceUnavailable, UnsupportedMediaType


class ImageNotFound(NotFound):
    code = "image.not_found"
    text = "No image found with ID {image_id}"
    remedy = "List images with `openstack image list`; a private image of another project is not shown."


class ImageExists(Conflict):
    code = "image.exists"
    text = "Image ID {image_id} already exists!"
    remedy = "Leave the id out: one is made. Ids of deleted images are not used again."


class InvalidImage(BadRequest):
    code = "image.invalid"
    text = "Provided object does not match schema 'image': {reason}"
    remedy = "GET /v2/schemas/image says what an image may be."


class InvalidValue(BadRequest):
    code = "image.invalid_value"
    text = "Invalid value '{value}' for parameter '{name}': {reason}"
    remedy = "Correct the named value."


class FormatsDisagree(BadRequest):
    code = "image.formats_disagree"
    text = (
        "Invalid mix of disk and container formats. When setting a disk or container format to one of 'aki', 'ari', "
        "or 'ami', the container and disk formats must match."
    )
    remedy = "Give both formats the same value."


class InvalidChange(BadRequest):
    code = "image.invalid_change"
    text = "{reason}"
    remedy = "Send a JSON patch as the reference of PATCH /v2/images/{image_id} describes it."


class PatchType(UnsupportedMediaType):
    code = "image.patch_type"
    text = "Image PATCH expects Content-Type one of: {allowed}"
    remedy = "Set the Content-Type header to one of the two."


class DataType(UnsupportedMediaType):
    code = "image.data_type"
    text = "Invalid content type {content_type}"
    remedy = "Upload with Content-Type: application/octet-stream."


class InvalidFilter(BadRequest):
    code = "image.invalid_filter"
    text = "{reason}"
    remedy = "Correct the named query parameter."


class Refused(ApiError):
    code = "image.refused"
    status = 403
    title = "Forbidden"
    text = "You are not authorized to complete this action."
    remedy = "Ask the image's owner or an administrator."


class NotYours(Refused):
    code = "image.owner_differs"
    text = "You are not permitted to create images owned by '{owner}'"
    remedy = "Leave the owner out, or use a token of that project."


class OwnerFixed(Refused):
    code = "image.owner_fixed"
    text = "Owner can't be updated by non admin."
    remedy = "Share the image with the other project, or ask an administrator."


class ReadOnly(Refused):
    code = "image.read_only"
    text = "Attribute '{name}' is read-only."
    remedy = "Leave the attribute out: the service sets it."


class Reserved(Refused):
    code = "image.reserved"
    text = "Attribute '{name}' is reserved."
    remedy = "Choose another name for the property."


class NotRemovable(Refused):
    code = "image.not_removable"
    text = "Property {name} may not be removed."
    remedy = "Replace its value instead."


class FormatFixed(Refused):
    code = "image.format_fixed"
    text = "Attribute {name} can be only replaced for a queued image."
    remedy = "Create another image with the right format."


class Protected(Refused):
    code = "image.protected"
    text = "Image {image_id} is protected and cannot be deleted."
    remedy = "Unset protection first: `openstack image set --unprotected`."


class NotSwitchable(Refused):
    code = "image.not_switchable"
    text = "Not allowed to {verb} image in status '{status}'"
    remedy = "Only an active image can be deactivated, and only a deactivated one reactivated."


class Deactivated(Refused):
    code = "image.deactivated"
    text = "The requested image has been deactivated. Image data download is forbidden."
    remedy = "Ask the image's owner or an administrator to reactivate it."


class NotShared(Refused):
    code = "image.not_shared"
    text = "Not allowed to {verb} members for image {image_id}: Only shared images have members."
    remedy = "Set the image's visibility to shared."


class LocationsHidden(Refused):
    code = "image.locations_hidden"
    text = "It's not allowed to {operation} locations if locations are invisible."
    remedy = "Upload the data with PUT /v2/images/{image_id}/file."


class OnlyCopy(Refused):
    code = "image.only_copy"
    text = "Cannot delete image data from the only store containing it. Consider deleting the image instead."
    remedy = "Delete the image, or copy it to another store first."


class PropertyMissing(Conflict):
    code = "image.property_missing"
    text = "Property {name} does not exist."
    remedy = "Use the operation `add` to set it."


class PropertyExists(Conflict):
    code = "image.property_exists"
    text = "Property {name} already present."
    remedy = "Use the operation `replace` to change it."


class WrongStatus(Conflict):
    code = "image.wrong_status"
    text = "Image status transition from {status} to {target} is not allowed"
    remedy = "Data is uploaded once, to a queued image. Create another image for other data."


class NotActive(Conflict):
    code = "image.not_active"
    text = "It's not allowed to {verb} if image status is not 'active'"
    remedy = "Wait until the image is active."


class HasNoData(Conflict):
    code = "image.has_no_data"
    text = "Image {image_id} has no data to use: its status is {status}."
    remedy = "Upload the data, or reactivate the image, and try again."


class LocationExists(Conflict):
    code = "image.location_exists"
    text = "It's not allowed to add locations if image status is {status}."
    remedy = "Locations are added to queued images."


class LocationService(Refused):
    code = "image.location_service"
    text = "http store must be enabled to use location API by normal user."
    remedy = "Upload the data with PUT /v2/images/{image_id}/file."


class LocationScheme(BadRequest):
    code = "image.location_scheme"
    text = "No store of this service takes data by a URL of scheme {scheme}."
    remedy = "Upload the data with PUT /v2/images/{image_id}/file."


class StoreUnavailable(Conflict):
    code = "image.store_unavailable"
    text = "The selected store {store} is not available on this node."
    remedy = "GET /v2/info/stores lists the stores."


class NotInStore(NotFound):
    code = "image.not_in_store"
    text = "Image {image_id} is not stored in store {store}."
    remedy = "Show the image for its stores."


class FormatsMissing(BadRequest):
    code = "image.formats_missing"
    text = "{names} must be set prior to saving data."
    remedy = "Set disk_format and container_format, then upload."


class UnknownStore(BadRequest):
    code = "image.unknown_store"
    text = "Store '{store}' is not configured."
    remedy = "GET /v2/info/stores lists the stores."


class SizeMismatch(BadRequest):
    code = "image.size_mismatch"
    text = "Size mismatch: expected {expected} bytes, got {got} bytes"
    remedy = "Upload again; the data was cut or its announced size was wrong."


class InvalidSize(BadRequest):
    code = "image.invalid_size"
    text = "Invalid or missing image size in request headers."
    remedy = "Send a number in x-openstack-image-size, or leave the header out."


class TooMuch(ApiError):
    code = "image.too_much"
    status = 413
    title = "Request Entity Too Large"
    text = "The body of your request was too large for this server."
    remedy = "Use less, or ask an administrator to raise the limit."


class ImageTooLarge(TooMuch):
    code = "image.too_large"
    text = "The incoming image is too large: no more than {limit} bytes are taken."


class QuotaFull(TooMuch):
    code = "image.quota_full"
    text = (
        "Image exceeds the storage quota: The size of the data {size} will exceed the limit. {remaining} bytes "
        "remaining."
    )
    remedy = "Delete images that are not needed, or ask an administrator to raise user_storage_quota."


class StorageFull(TooMuch):
    code = "image.storage_full"
    text = "Image storage media is full: There is not enough disk space on the image storage media."
    remedy = "The operator must make room in the image store."


class TooManyProperties(TooMuch):
    code = "image.too_many_properties"
    text = (
        "The limit has been exceeded on the number of allowed image properties. Attempted: {attempted}, Maximum: "
        "{maximum}"
    )


class TooManyTags(TooMuch):
    code = "image.too_many_tags"
    text = (
        "The limit has been exceeded on the number of allowed image tags. Attempted: {attempted}, Maximum: {maximum}"
    )


class TooManyMembers(TooMuch):
    code = "image.too_many_members"
    text = (
        "The limit has been exceeded on the number of allowed image members for this image. Attempted: {attempted}, "
        "Maximum: {maximum}"
    )


class StorageDenied(ServiceUnavailable):
    code = "image.storage_denied"
    text = "Insufficient permissions on image storage media: Permission to write image storage media denied."
    remedy = "The operator must make the image store's folder writable for the service."


class InvalidData(UnsupportedMediaType):
    code = "image.invalid_data"
    text = "{reason}"
    remedy = "Upload data of the image's disk format, or create the image with the format that the data has."


class UploadLost(ApiError):
    code = "image.upload_lost"
    status = 410
    title = "Gone"
    text = (
        "Image {image_id} could not be found after upload. The image may have been deleted during the upload, "
        "cleaning up the chunks uploaded."
    )
    remedy = "Look whether the image still exists, and upload again."


class InvalidRange(ApiError):
    code = "image.invalid_range"
    status = 416
    title = "Request Range Not Satisfiable"
    text = "{reason}"
    remedy = "Ask for one range within the image's size."


class ManyRanges(BadRequest):
    code = "image.many_ranges"
    text = (
        "Requests with multiple ranges are not supported in Glance. You may make multiple single-range requests "
        "instead."
    )
    remedy = "Ask for one range at a time."


class DataLost(ApiError):
    code = "image.data_lost"
    text = "The data of image {image_id} is not in store {store} any more."
    remedy = "The operator restores the file from a backup; `unkai status` names it. Or delete the image."


class MemberNotFound(NotFound):
    code = "image.member_not_found"
    text = "{member_id} not found in the member list of the image {image_id}."
    remedy = "List members with `openstack image member list`."


class MemberExists(Conflict):
    code = "image.member_exists"
    text = "Member {member_id} is duplicated for image {image_id}"
    remedy = "Nothing is to be done: the project is a member."


class InvalidMember(BadRequest):
    code = "image.invalid_member"
    text = "{reason}"
    remedy = 'Send {"member": "<project id>"} or {"status": "accepted"}.'


class TagNotFound(NotFound):
    code = "image.tag_not_found"
    remedy = "Show the image for its tags."
