-- Wireshark's view of what `ringbell record` wrote (link type USER0).
--
--   tshark -X lua_script:/usr/share/ringbell/ringbell.lua -r orders.pcap
--
-- or copied into the folder that Wireshark's Help > About > Folders calls "Personal Lua Plugins".

local ringbell = Proto("ringbell", "ringbell")

local packets = { [1] = "begin", [2] = "message", [3] = "missed", [4] = "end" }
local rings = { [1] = "channel", [2] = "queue", [3] = "topic", [4] = "lossy topic", [5] = "collector",
                [9] = "topic of several publishers", [10] = "lossy topic of several publishers" }

local f = {
  version = ProtoField.uint8("ringbell.version", "Version of the form"),
  kind = ProtoField.uint8("ringbell.kind", "Packet", base.DEC, packets),
  ring_kind = ProtoField.uint8("ringbell.ring_kind", "Ring", base.DEC, rings),
  flags = ProtoField.uint8("ringbell.flags", "Flags", base.HEX),
  more = ProtoField.bool("ringbell.more", "Goes on in the next packet", 8, nil, 0x01),
  redelivered = ProtoField.bool("ringbell.redelivered", "Delivered again", 8, nil, 0x02),
  continues = ProtoField.bool("ringbell.continues", "Goes on in another file", 8, nil, 0x04),
  writer_died = ProtoField.bool("ringbell.writer_died", "The writer died", 8, nil, 0x08),
  lane = ProtoField.uint32("ringbell.lane", "Lane"),
  position = ProtoField.uint64("ringbell.position", "Position"),
  payload = ProtoField.bytes("ringbell.payload", "Message"),
  missed = ProtoField.uint64("ringbell.missed", "Messages missed"),
  capacity = ProtoField.uint64("ringbell.capacity", "Capacity in bytes"),
  slots = ProtoField.uint64("ringbell.slots", "Slots"),
  alignment = ProtoField.uint32("ringbell.record_alignment", "Alignment of records"),
  message_bytes = ProtoField.uint32("ringbell.message_bytes", "Bytes of a slot"),
  participants = ProtoField.uint32("ringbell.participants", "Participants"),
  payload_alignment = ProtoField.uint32("ringbell.payload_alignment", "Alignment of messages"),
  part = ProtoField.uint64("ringbell.part", "Part of the recording"),
  name = ProtoField.string("ringbell.name", "Name of the ring"),
  messages = ProtoField.uint64("ringbell.messages", "Messages in this file"),
  bytes = ProtoField.uint64("ringbell.bytes", "Their bytes"),
}
for _, field in pairs(f) do table.insert(ringbell.fields, field) end

local kHeader = 16

local function begin(buffer, tree, info)
  if buffer:len() < 40 then return end
  tree:add_le(f.capacity, buffer(0, 8))
  tree:add_le(f.slots, buffer(8, 8))
  tree:add_le(f.alignment, buffer(16, 4))
  tree:add_le(f.message_bytes, buffer(20, 4))
  tree:add_le(f.participants, buffer(24, 4))
  tree:add_le(f.payload_alignment, buffer(28, 4))
  tree:add_le(f.part, buffer(32, 8))
  if buffer:len() == 40 then return end
  tree:add(f.name, buffer(40))
  info:append(" of " .. buffer(40):string())
end

function ringbell.dissector(buffer, pinfo, root)
  if buffer:len() < kHeader then return 0 end
  pinfo.cols.protocol = "ringbell"
  local tree = root:add(ringbell, buffer())
  tree:add(f.version, buffer(0, 1))
  tree:add(f.kind, buffer(1, 1))
  tree:add(f.ring_kind, buffer(2, 1))
  local flags = tree:add(f.flags, buffer(3, 1))
  for _, flag in ipairs({ f.more, f.redelivered, f.continues, f.writer_died }) do
    flags:add(flag, buffer(3, 1))
  end
  tree:add_le(f.lane, buffer(4, 4))
  tree:add_le(f.position, buffer(8, 8))

  local kind = buffer(1, 1):uint()
  local info = pinfo.cols.info
  info:set(packets[kind] or "unknown")
  if buffer:len() == kHeader then return kHeader end
  local rest = buffer(kHeader)
  if kind == 1 then
    begin(rest, tree, info)
  elseif kind == 2 then
    tree:add(f.payload, rest)
    info:append(" at " .. tostring(buffer(8, 8):le_uint64()) .. ", " .. rest:len() .. " bytes")
  elseif kind == 3 and rest:len() >= 8 then
    tree:add_le(f.missed, rest(0, 8))
    info:append(" " .. tostring(rest(0, 8):le_uint64()))
  elseif kind == 4 and rest:len() >= 16 then
    tree:add_le(f.messages, rest(0, 8))
    tree:add_le(f.bytes, rest(8, 8))
    info:append(", " .. tostring(rest(0, 8):le_uint64()) .. " messages")
  end
  return buffer:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, ringbell)
