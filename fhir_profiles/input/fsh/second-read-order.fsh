Alias: $SCT = http://snomed.info/sct
Alias: $DCM = http://dicom.nema.org/resources/ontology/DCM
Alias: $NUCC = http://nucc.org/provider-taxonomy
Alias: $referral-reason = http://terminology.hl7.org/CodeSystem/v2-0336

Profile: SecondReadServiceRequest
Parent: ServiceRequest
Id: second-read-service-request
Title: "Second-read order"
Description: "The draft order that a Second Read card offers: a subspecialty radiologist is asked to read an existing study again before a treatment is started. It is a proposal. It never holds, replaces or fulfils the treatment order."
* obeys second-read-reason and second-read-not-stat and second-read-one-before-order and second-read-note-text
* extension contains BeforeOrder named beforeOrder 0..1
* status = #draft
* intent = #proposal
* category 1..*
* category ^slicing.discriminator.type = #pattern
* category ^slicing.discriminator.path = "$this"
* category ^slicing.rules = #open
* category contains imaging 1..1
* category[imaging] = $SCT#363679005
* doNotPerform 0..0
* doNotPerform ^comment = "A second read is asked for, never forbidden."
* basedOn 0..0
* basedOn ^comment = "basedOn would say that this order fulfils the treatment order. What it precedes is named by the extension beforeOrder."
* replaces 0..0
* code 1..1
* code from SecondReadOrderCode (required)
* code.coding 1..*
* subject only Reference(Patient)
* authoredOn 1..1
* requester only Reference(Practitioner or PractitionerRole)
* performerType 1..1
* performerType from SecondReadPerformer (required)
* performerType.coding 1..*
* performerType.text 1..1
* performerType.text ^comment = "Who shall read, in words: neither code system has breast imaging."
* reasonCode 1..*
* supportingInfo 1..*
* supportingInfo only Reference(ImagingStudy or DiagnosticReport)
* supportingInfo ^comment = "The study to be read again, and its first report."
* note 1..*
* note ^comment = "The decision question for the second reader."

Profile: CompleteStudyServiceRequest
Parent: ServiceRequest
Id: complete-study-service-request
Title: "Complete-study order"
Description: "The draft order that a Second Read card offers where the study that a treatment rests on is missing, outdated, not diagnostic or shows only a part: a complete study. It is a proposal. It never holds, replaces or fulfils the treatment order."
* obeys second-read-not-stat and second-read-one-before-order and second-read-note-text
* extension contains BeforeOrder named beforeOrder 0..1
* status = #draft
* intent = #proposal
* category 1..*
* category ^slicing.discriminator.type = #pattern
* category ^slicing.discriminator.path = "$this"
* category ^slicing.rules = #open
* category contains imaging 1..1
* category[imaging] = $SCT#363679005
* doNotPerform 0..0
* basedOn 0..0
* replaces 0..0
* code 1..1
* code.coding 1..*
* code.text 1..1
* subject only Reference(Patient)
* authoredOn 1..1
* requester only Reference(Practitioner or PractitionerRole)
* supportingInfo only Reference(ImagingStudy or DiagnosticReport)
* supportingInfo ^comment = "The earlier study and its report, where there are any."
* note 1..*
* note ^comment = "Why it is asked for."

Invariant: second-read-reason
Description: "A reason says that this is a review of an existing study (DICOM 111418) or a second opinion (HL7 v2-0336 S)."
Severity: #error
Expression: "reasonCode.coding.where((system = 'http://dicom.nema.org/resources/ontology/DCM' and code = '111418') or (system = 'http://terminology.hl7.org/CodeSystem/v2-0336' and code = 'S')).exists()"

Invariant: second-read-not-stat
Description: "A second read is routine or urgent: nothing waits for it."
Severity: #error
Expression: "priority.empty() or priority = 'routine' or priority = 'urgent'"

Invariant: second-read-one-before-order
Description: "At most one treatment order is named."
Severity: #error
Expression: "extension.where(url = 'http://second-read.org/fhir/StructureDefinition/before-order').count() <= 1"

Invariant: second-read-note-text
Description: "The question is not blank."
Severity: #error
Expression: "note.all(text.matches('[^ ]'))"

Extension: BeforeOrder
Id: before-order
Title: "Before this order"
Description: "The treatment order that the second read is to come before. For information alone: it is no hold, no dependency and no condition on that order."
* ^context.type = #element
* ^context.expression = "ServiceRequest"
* value[x] 1..1
* value[x] only Reference(ServiceRequest or MedicationRequest)

ValueSet: SecondReadOrderCode
Id: second-read-order-code
Title: "Codes of a second-read order"
Description: "What ServiceRequest.code may be. No standard code says radiology reinterpretation; these are the nearest."
* ^experimental = false
* ^copyright = "This value set includes content from SNOMED CT, which is copyright of SNOMED International."
* $SCT#28191001 "Consultation and report by radiologist"
* $SCT#306299005 "Referral to radiologist (procedure)"
* $SCT#308461008 "Referral to radiology service (procedure)"

ValueSet: SecondReadPerformer
Id: second-read-performer
Title: "Who reads a second time"
Description: "Reader specialties of DICOM CID 7449, and the nearest provider taxonomy codes. General radiology stands here because it is the nearest code of several subspecialties; it names, and proves nothing."
* ^experimental = false
* ^copyright = "DICOM codes: copyright National Electrical Manufacturers Association. Health Care Provider Taxonomy codes: copyright National Uniform Claim Committee and American Medical Association."
* $DCM#128006 "Abdominal Imaging Specialty"
* $DCM#128007 "Cardiac Imaging Specialty"
* $DCM#128008 "Head and Neck Imaging Specialty"
* $DCM#128009 "Musculoskeletal Imaging Specialty"
* $DCM#128011 "Neuroradiology Imaging Specialty"
* $DCM#128012 "OB/Gyn Imaging Specialty"
* $DCM#128013 "Oncologic Imaging Specialty"
* $DCM#128015 "Thoracic Imaging Specialty"
* $DCM#128016 "Pediatric Imaging Specialty"
* $DCM#128017 "Vascular Imaging Specialty"
* $NUCC#2085B0100X "Body Imaging Physician"
* $NUCC#2085N0700X "Neuroradiology Physician"
* $NUCC#2085P0229X "Pediatric Radiology Physician"
* $NUCC#2085R0202X "Diagnostic Radiology Physician"
* $NUCC#2085R0204X "Vascular & Interventional Radiology Physician"
